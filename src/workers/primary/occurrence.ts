// What happens in a pool of workers, for logs, metrics and tests. Nothing here logs by itself.
import type { CountedEvents } from '../protocol.ts';

interface OfWorker {
  /** What the worker is for: a central queue, or a group of one by its name, `orders/billing`; so in all that follow. */
  readonly queue: string;
  /** `orders#3` */
  readonly slot: string;
  readonly pid: number | undefined;
}

/** Occurrences of one slot's worker. */
export type OfSlot =
  /** Handler loaded, central reached. */
  | { readonly kind: 'worker-ready' }
  | {
      readonly kind: 'worker-died';
      readonly code: number | null;
      readonly signal: string | null;
      readonly restartMs: number;
    }
  /** It gave no sign of life beyond its time limit, and was killed. */
  | { readonly kind: 'worker-silent'; readonly silentMs: number }
  /** It lived and made no progress, beyond its time limit, and was killed. */
  | { readonly kind: 'worker-stalled'; readonly stalledMs: number }
  /** It ended in order: it was asked to, or a handler did not return and the process has to be replaced. */
  | { readonly kind: 'worker-ended'; readonly isRecycled: boolean }
  | { readonly kind: 'worker-troubled'; readonly sentence: string }
  /** Another process will take its slot over. */
  | { readonly kind: 'worker-replaced'; readonly reason: string }
  /** The other process could not take over: this one goes on. */
  | { readonly kind: 'worker-kept'; readonly sentence: string }
  | {
      readonly kind: 'batch-opened';
      readonly token: number;
      readonly openings: number;
      readonly takenOverFrom: string | undefined;
      /** The one that the batch is of; absent: its group has none. */
      readonly lane?: number | undefined;
    }
  | {
      readonly kind: 'batch-finished';
      readonly token: number;
      readonly events: number;
      readonly putOff: number;
      readonly dead: number;
      readonly ms: number;
    }
  /** The batch takes long; reported now and then. */
  | {
      readonly kind: 'batch-progress';
      readonly done: number;
      readonly events?: number | undefined;
      readonly seconds: number;
    }
  /** What its events and calls came to since it was told last; a process that is killed keeps up to a second of it to itself. */
  | ({ readonly kind: 'counted' } & CountedEvents)
  | { readonly kind: 'batch-given-up'; readonly token: number; readonly sentence: string };

export type WorkerOccurrence =
  | (OfWorker & OfSlot)
  /** The handler cannot be loaded: no worker of the queue runs until it can. */
  | { readonly kind: 'queue-parked'; readonly queue: string; readonly sentence: string }
  | { readonly kind: 'queue-unparked'; readonly queue: string }
  /** Nothing of it succeeds in some worker: only a few of its events are tried there. */
  | { readonly kind: 'queue-held-back'; readonly queue: string; readonly sentence: string }
  | { readonly kind: 'queue-released'; readonly queue: string }
  /** The wanted number of workers over all hosts. */
  | { readonly kind: 'pool-scaled'; readonly queue: string; readonly wanted: number; readonly before: number }
  /** This host's file wants another number of workers than the one that was installed, which counts; undefined: the queue was not. */
  | {
      readonly kind: 'other-number';
      readonly queue: string;
      readonly file: number;
      readonly installed: number | undefined;
    }
  /** The host that held it was silent. */
  | { readonly kind: 'slot-taken-over'; readonly queue: string; readonly slot: string }
  | { readonly kind: 'pool-trouble'; readonly error: unknown };

export type OnWorkerOccurrence = (occurrence: WorkerOccurrence) => void;
