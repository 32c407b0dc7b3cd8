/** The results of a call: read out of the scratch area in one go, and returned as plain data. */
import { GeecacheError } from "../errors.js";
import { ERROR_CODES, type ErrorCode, Outcome, Slot, Step } from "./protocol.js";
import type { Scratch } from "./scratch.js";
import type { FirstStep, Flight, NextStep, PeerAnswer, Task } from "./steps.js";

/** Reads the first step of a lookup. Throws if the core refused it. */
export function firstStep(scratch: Scratch, step: Step, instance: number): FirstStep {
  switch (step) {
    case Step.Hit:
      return { step, value: scratch.value(), freshMs: scratch.slot(Slot.FreshMs) };
    case Step.Stale:
      return { step, value: scratch.value(), refresh: refreshOf(scratch, scratch.slot(Slot.Task), instance) };
    case Step.Join:
      return { step, flight: flightOf(scratch, instance) };
    case Step.Ask:
    case Step.Load:
      return taskOf(scratch, step, flightOf(scratch, instance));
    case Step.Refused:
      throw refusal(scratch);
    case Step.Done:
    case Step.Retry:
    case Step.DeadlinePassed:
    case Step.Superseded:
      throw unknownNumber(step);
    default:
      throw unknownNumber(step satisfies never);
  }
}

/** Reads the step after a task. Throws if the core refused its result. */
export function nextStep(scratch: Scratch, step: Step, flight: Flight): NextStep {
  switch (step) {
    case Step.Ask:
    case Step.Load:
      return taskOf(scratch, step, flight);
    case Step.Stale:
      return { step, value: scratch.value() };
    case Step.Done:
    case Step.Retry:
    case Step.DeadlinePassed:
    case Step.Superseded:
      return { step };
    case Step.Refused:
      throw refusal(scratch);
    case Step.Hit:
    case Step.Join:
      throw unknownNumber(step);
    default:
      throw unknownNumber(step satisfies never);
  }
}

/** Reads a peer's response, with the step after it. */
export function peerAnswer(scratch: Scratch, next: NextStep): PeerAnswer {
  const kind: Outcome = scratch.slot(Slot.Outcome);
  switch (kind) {
    case Outcome.Value:
      return { kind, value: scratch.value(), freshMs: scratch.slot(Slot.FreshMs), next };
    case Outcome.NotFound:
      return { kind, next };
    case Outcome.LoadFailed:
      return { kind, code: codeOf(scratch), message: scratch.message(), next };
    case Outcome.PeerFailed:
    case Outcome.NotTransferable:
      return { kind, message: scratch.message(), next };
    default:
      throw unknownNumber(kind satisfies never);
  }
}

function refreshOf(scratch: Scratch, step: Step, instance: number): Task | undefined {
  return step === Step.Ask || step === Step.Load ? taskOf(scratch, step, flightOf(scratch, instance)) : undefined;
}

function flightOf(scratch: Scratch, instance: number): Flight {
  return { id: scratch.slot(Slot.Flight), instance };
}

function taskOf(scratch: Scratch, step: Step.Ask | Step.Load, flight: Flight): Task {
  const peer = step === Step.Ask ? scratch.text(Slot.PeerAt, Slot.PeerBytes) : "";
  return { step, flight, attempt: scratch.slot(Slot.Attempt), timeoutMs: scratch.slot(Slot.TimeoutMs), peer };
}

function refusal(scratch: Scratch): GeecacheError {
  return new GeecacheError(codeOf(scratch), scratch.message());
}

function codeOf(scratch: Scratch): ErrorCode {
  const number = scratch.slot(Slot.Code);
  const code = ERROR_CODES[number];
  if (code === undefined) throw unknownNumber(number);
  return code;
}

/** The error for a number that only another version of core.wasm can return. */
function unknownNumber(number: number): GeecacheError {
  return new GeecacheError("ERR_OPTION", `core.wasm is of another version: it returned ${number}`);
}
