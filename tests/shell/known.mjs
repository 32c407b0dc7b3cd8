// Faults of the shell that are known and not fixed yet. While one is true, its invariant leaves it out.
export const KNOWN = {
  /** The event of a request that was given up, as its peer left, arrives late and names the peer that was asked next. */
  latePeerEvent: true,
  /** Several breakers that open between two looks are one event. */
  breakerEventsMerge: true,
  /** A caller whose flight is lost after the clock was set back waits for longer than its deadline, by as much. */
  clockSetBack: true,
};
