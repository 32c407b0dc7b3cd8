// Faults of the shell that are known and not fixed yet. While one is true, its invariant leaves it out.
export const KNOWN = {
  /** A caller whose flight is lost after the clock was set back waits past its deadline by as much. */
  clockSetBack: true,
};
