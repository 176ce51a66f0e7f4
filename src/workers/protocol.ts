// The messages between the primary and its workers. With call-record.ts the only file that both sides share.
import { z } from 'zod';
import type { AppliedTable, Database } from '../config/config.ts';

const database = z.custom<Database>(
  (value) => typeof value === 'object' && value !== null && 'host' in value,
);

/** The call that the worker before this one died in, where that is evidence against events of the batch. */
const suspect = z.object({
  /** Token of the batch, for that worker. */
  token: z.number(),
  /** The call of the handler that it died in; all 0: not known. */
  startTick: z.number(),
  endTick: z.number(),
  first: z.number(),
  last: z.number(),
  events: z.number(),
  /** It ended itself, crashed, or gave no sign of life; else it may have been killed from outside, out of memory. */
  isCertain: z.boolean(),
});

/** Checked where the file is read. */
const applied = z.custom<AppliedTable>(
  (value) => typeof value === 'object' && value !== null && 'key' in value,
);

const origin = z.enum(['extra1', 'extra2', 'extra3', 'extra4', 'none']);

/** Everything a worker needs to know; the first message to it. */
const start = z.object({
  type: z.literal('start'),
  central: database,
  /** The central queue, and the consumer of it that the worker is a member of. */
  queue: z.string(),
  group: z.string(),
  /** `orders/billing`, what the worker is for where its queue has several groups, and the group's own name. */
  work: z.string().optional(),
  groupName: z.string().optional(),
  /** `orders#3`, the member's name as well. */
  slot: z.string(),
  /** Name of the machine, for people. */
  host: z.string().optional(),
  /** Absolute path of the handler's module. */
  handler: z.string(),
  /** The tables that events are applied to, in place of a module. */
  apply: z.array(applied).optional(),
  origin,
  /** Where its handler may send events: the central queues of the file, each with the column of the origin. */
  centralQueues: z
    .record(z.string(), z.union([origin, z.strictObject({ origin, uniqueKey: z.string() })]))
    .optional(),
  timeoutMs: z.number(),
  retry: z.object({ attempts: z.number(), firstMs: z.number(), maxMs: z.number() }),
  /** Events that may start a second over all workers of the queue; absent: any number. */
  ratePerSecond: z.number().optional(),
  /** Of a queue with lanes: what each key may have. */
  keys: z.object({ atOnce: z.number().optional(), isRated: z.boolean().optional() }).optional(),
  /** What the handler returns is published. */
  hasResults: z.boolean().optional(),
  /** Another process still works in the slot: load the handler, and begin with `go`. */
  isStandby: z.boolean().optional(),
  /** The slot is the worker's for this long after this message and after each `held`; absent: for ever. */
  heldForMs: z.number().optional(),
  suspect: suspect.optional(),
  log: z.object({ level: z.string(), isPretty: z.boolean() }),
});

export const toWorker = z.discriminatedUnion('type', [
  start,
  /** The slot is free for this process now. */
  z.object({ type: z.literal('go'), suspect: suspect.optional() }),
  /** There may be a batch: look now. */
  z.object({ type: z.literal('wake') }),
  /** The slot's lease is still held. */
  z.object({ type: z.literal('held') }),
  /** Take no further batch; end when this one is done. */
  z.object({ type: z.literal('drain') }),
  /** Give the batch up. */
  z.object({ type: z.literal('abort') }),
]);

/** Upper ends of the buckets in which calls of a handler are counted, in ms. */
export const CALL_BUCKET_ENDS_MS: readonly number[] = [
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000],
];

/** The same for how long events were under way to their handler: fine enough for a median. */
export const DELIVERY_BUCKET_ENDS_MS: readonly number[] = [
  ...[5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750],
  ...[1_000, 1_500, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000],
];

/** One count for each bucket and one for what is above all; the sum in seconds. */
const distribution = z.object({ counts: z.array(z.number()), sum: z.number() });

const delivered = z.object({ toCentral: distribution, toHandled: distribution, whole: distribution });

/** What was counted since the pulse before: events by what became of them, and calls of the handler by how long they took. */
const counted = z.object({
  done: z.number(),
  putOff: z.number(),
  dead: z.number(),
  calls: distribution,
  /** How long events were under way, by stage. */
  delivered: delivered.optional(),
});

/** How many of the last events that were tried have failed. */
const tried = z.object({ tried: z.number(), failed: z.number(), error: z.string().optional() });

export const toPrimary = z.discriminatedUnion('type', [
  /** The process is up and waits for `start`. */
  z.object({ type: z.literal('up') }),
  /** The handler is loaded, and the process waits for `go`. */
  z.object({ type: z.literal('standby') }),
  /** The handler is loaded, central is reached, the member is registered. */
  z.object({ type: z.literal('ready') }),
  /** The handler cannot be loaded: starting again would not help. */
  z.object({ type: z.literal('unusable'), sentence: z.string() }),
  z.object({
    type: z.literal('opened'),
    token: z.number(),
    openings: z.number(),
    takenOverFrom: z.string().optional(),
    lane: z.number().optional(),
  }),
  z.object({
    type: z.literal('finished'),
    token: z.number(),
    events: z.number(),
    putOff: z.number(),
    dead: z.number(),
    /** Of the process, with nothing at hand. */
    rssBytes: z.number().optional(),
    /** Nothing was behind it: the worker waits from now on, as with `idle`. */
    isIdle: z.boolean(),
  }),
  /** A part of the batch was committed. */
  z.object({ type: z.literal('advanced') }),
  /** The batch was not finished, by an error or because another has it now. */
  z.object({ type: z.literal('gaveUp'), token: z.number(), sentence: z.string() }),
  /** Central cannot be used now; the worker tries again by itself. */
  z.object({ type: z.literal('troubled'), sentence: z.string() }),
  /** Nothing to do. */
  z.object({ type: z.literal('idle') }),
  /** The process ends itself now, in order. */
  z.object({ type: z.literal('ending'), counted: counted.optional() }),
  /** Once a second: the process is not blocked. `stalledMs`: how long it has made no progress although there was work. */
  z.object({
    type: z.literal('pulse'),
    rssBytes: z.number(),
    stalledMs: z.number(),
    recent: tried.optional(),
    counted: counted.optional(),
    /** A sentence while nothing succeeds. */
    heldBack: z.string().optional(),
    progress: z.object({ done: z.number(), events: z.number().optional() }).optional(),
  }),
]);

export type TriedEvents = z.infer<typeof tried>;
export type DeliveredEvents = z.infer<typeof delivered>;
export type CountedEvents = z.infer<typeof counted>;
export type FatalCall = z.infer<typeof suspect>;
export type StartMessage = z.infer<typeof start>;
export type ToWorker = z.infer<typeof toWorker>;
export type ToPrimary = z.infer<typeof toPrimary>;

/** How a worker ends by itself; a handler can exit with any code, so that `ending` or a `drain` must have come before. */
export const ENDED = { drained: 0, unusable: 78, recycled: 79 } as const;
