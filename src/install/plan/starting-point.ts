// Decides from facts at which tick a source begins. Promise 1 holds from this tick on, so nothing is guessed. Pure.
import type { StartingPoint } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import type { QueueFact, QueueFacts } from '../facts/queues.ts';
import type { KnownSource, WantedSource } from '../facts/sources.ts';

/** Waiting events are counted up to here. */
export const COUNT_LIMIT = 1_000_000;

export type Decision =
  /** Central has its position: only the watermark is registered where it is missing. */
  | { readonly kind: 'keep'; readonly isRegistered: boolean }
  /** An earlier install was interrupted after the registration: it goes on from there. */
  | { readonly kind: 'resume' }
  | {
      readonly kind: 'begin';
      readonly start: StartingPoint;
      readonly isCreated: boolean;
      /** Moves a registration that belongs to no source of central. */
      readonly moves: boolean;
    }
  | { readonly kind: 'mistake'; readonly sentence: string };

export interface StartSituation {
  /** How the shard is named in sentences. */
  readonly place: string;
  /** Its name. */
  readonly shard: string;
  readonly wanted: WantedSource;
  readonly queues: QueueFacts;
  /** This run installs the engine, so that no queue can be there yet. */
  readonly engineIsNew: boolean;
  readonly known: KnownSource | undefined;
  readonly consumer: string;
  /** Events that the queue holds, counted only where `needsCount` says so. */
  readonly waiting: number | undefined;
  /** Whether we may make the first tick of a queue that has none. */
  readonly weTick: boolean;
}

/** Whether the decision depends on what the queue holds. */
export function needsCount({ wanted, queues, known, consumer }: StartSituation): boolean {
  const fact = queues.wanted.get(wanted.queue);
  if (fact === undefined || wanted.start !== undefined) return false;
  return (known === undefined || known.state !== 'active') && !fact.consumers.has(consumer);
}

export function decideStart(situation: StartSituation): Decision {
  const { place, wanted, queues, known, consumer } = situation;
  const fact = queues.wanted.get(wanted.queue);
  const isSettled = known !== undefined && (known.state === 'active' || known.state === 'halted');
  if (fact === undefined) {
    if (isSettled) {
      return mistake(
        `${place}: queue ${wanted.queue} is gone, though it was moved until now: restore it, or let go of it as docs/operating.md tells.`,
      );
    }
    return decideMissing(situation);
  }
  const registration = fact.consumers.get(consumer);
  if (isSettled) return { kind: 'keep', isRegistered: registration !== undefined };
  if (registration !== undefined && !registration.tickExists) {
    return mistake(
      `${place}: consumer ${consumer} stands at a tick of queue ${wanted.queue} that is gone: an administrator removes it with \`select pgq.unregister_consumer('${wanted.queue}', '${consumer}')\`, then run install again.`,
    );
  }
  if (registration !== undefined && known?.state === 'registering') return { kind: 'resume' };
  if (registration !== undefined && !wanted.isOwnStart) {
    return mistake(
      `${place}: queue ${wanted.queue} has our consumer ${consumer} already and central knows nothing of it, as after a restore of central from before the install: say \`start: oldest\`, \`start: now\` or \`start: at-consumer ${consumer}\` in this shard's own entry, or run \`tributary install --shard ${situation.shard} --start oldest\`; what is said for the queue does not move it.`,
    );
  }
  return decideExisting(situation, fact, registration !== undefined);
}

function decideMissing({ place, wanted, queues, engineIsNew }: StartSituation): Decision {
  if (wanted.start?.at === 'consumer') {
    return mistake(
      `${place} has no queue ${wanted.queue}, so no consumer ${wanted.start.name} either: correct \`from:\` or \`start:\`.`,
    );
  }
  if (engineIsNew || wanted.create) {
    return { kind: 'begin', start: wanted.start ?? { at: 'oldest' }, isCreated: true, moves: false };
  }
  const close = nearest(wanted.queue, queues.all);
  const hint =
    close === undefined ? (queues.all.length === 0 ? 'it has no queues' : '') : `the nearest is ${close}`;
  return mistake(
    `${place} has no queue ${wanted.queue}${hint === '' ? '' : ` (${hint})`}: correct the name, or say \`create: true\` for queue ${wanted.centralQueue} to have it created.`,
  );
}

function decideExisting(
  { place, wanted, waiting, weTick }: StartSituation,
  fact: QueueFact,
  moves: boolean,
): Decision {
  if (fact.newestTick === undefined && !weTick) {
    return mistake(
      `${place}: queue ${wanted.queue} has no tick, and its ticker is not ours: start its ticker first.`,
    );
  }
  const { start } = wanted;
  if (start === undefined) {
    if (waiting === undefined || waiting > 0) {
      const number =
        waiting === undefined || waiting > COUNT_LIMIT
          ? `more than ${COUNT_LIMIT.toLocaleString('en-US')}`
          : waiting.toLocaleString('en-US');
      return mistake(
        `${place}: queue ${wanted.queue} holds ${number} events already: say for queue ${wanted.centralQueue}, or in this shard's entry, whether to move them (\`start: oldest\`), to begin with new ones (\`start: now\`), or to go on where another consumer stands (\`start: at-consumer NAME\`); for one shard \`tributary install --shard SHARD --start oldest\` does it, or \`--start now\`.`,
      );
    }
    return { kind: 'begin', start: { at: 'oldest' }, isCreated: false, moves };
  }
  if (start.at !== 'consumer') return { kind: 'begin', start, isCreated: false, moves };

  const consumer = fact.consumers.get(start.name);
  if (consumer === undefined) {
    const names = [...fact.consumers.keys()];
    const close = nearest(start.name, names);
    return mistake(
      `${place}: queue ${wanted.queue} has no consumer ${start.name}${close === undefined ? (names.length === 0 ? ' (it has none)' : '') : ` (the nearest is ${close})`}: correct \`start: at-consumer\`.`,
    );
  }
  if (consumer.lastTick === undefined || !consumer.tickExists) {
    return mistake(
      `${place}: consumer ${start.name} stands at no tick of queue ${wanted.queue} that still exists: say \`start: oldest\` or \`start: now\`.`,
    );
  }
  return { kind: 'begin', start, isCreated: false, moves };
}

const mistake = (sentence: string): Decision => ({ kind: 'mistake', sentence });
