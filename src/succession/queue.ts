// Retires a central queue: its sources end on every shard, its workers finish what is there, their group ends.
//
// Invariant: the group ends only where everything in the queue is handled. Events in the queue, dead ones and the history stay.
// Fails by: each shard is done for itself, so that one that cannot be reached keeps no other; the same command does the rest.
import type { CentralLink } from '../central/central-link.ts';
import type { Operator } from '../central/logbook/note.ts';
import {
  dropGroup,
  type QueueRest,
  readQueueRest,
  sourcesOfQueue,
} from '../central/succession/drop-group.ts';
import type { Config, Queue } from '../config/config.ts';
import { workedOf } from '../config/worked.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { sqlstateOf } from '../errors/sqlstate.ts';
import { counted } from '../errors/words.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { groupName } from '../queue/names.ts';
import { carryOut, closeAll, findSuccession } from './carry-out.ts';
import { type EndedSource, proofOf } from './proof.ts';
import { refusal } from './side.ts';

export interface QueueRetirement {
  readonly config: Config;
  readonly link: CentralLink;
  readonly consumer: string;
  readonly queue: Queue;
  readonly operator: Operator;
  readonly isCut: boolean;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly onShard?: (trouble: string | undefined, shard: string) => void;
}

/** What `retireQueue` would do. */
export interface QueuePlan {
  readonly shards: ReadonlyMap<string, ReadonlySet<string>>;
  readonly rest: QueueRest;
}

/** @throws where a source of it feeds another queue as well. */
export async function planRetirement({
  config,
  link,
  queue,
}: Pick<QueueRetirement, 'config' | 'link' | 'queue'>): Promise<QueuePlan> {
  const { name } = queue;
  const { shards, shared } = await sourcesOfQueue(link, name);
  for (const [source, others] of shared)
    throw refusal(
      `Source queue ${source} feeds ${others.join(', ')} as well as ${name}, so it must not end with it.`,
      `Nothing was changed. Take ${source} out of \`from\` of ${name} in the file (\`from: []\` where it has no other) and out of \`routes\` where one queue is left, run \`tributary install\`, and run this again.`,
    );
  return {
    shards,
    rest: await restOf(link, config, queue),
  };
}

/** @throws refusals of shards, all of them in one sentence each, or of the queue on central. */
export async function retireQueue(retirement: QueueRetirement): Promise<EndedSource[]> {
  const { config, link, queue, operator, onShard } = retirement;
  const { shards } = await planRetirement(retirement);
  const proof: EndedSource[] = [];
  const troubles: string[] = [];
  for (const [name, only] of shards) {
    try {
      proof.push(...(await endOn(name, only, retirement)));
      onShard?.(undefined, name);
    } catch (error) {
      const sentence = sentenceFor(error, `Shard ${name}`);
      troubles.push(sentence);
      onShard?.(sentence, name);
    }
  }
  if (troubles.length > 0)
    throw refusal(troubles.join('\n'), 'The other shards are done; run this again for the rest.');
  await finished(retirement);
  const what = `retired queue ${queue.name} (${counted(proof.length, 'source')}).`;
  for (const { name, group } of workedOf(queue)) {
    const consumer = groupName(config, group);
    if (!(await readQueueRest(link, { name, group: groupName(config) })).hasGroup) continue;
    await dropGroup(
      link,
      {
        ...{ name, queue: queue.name, group: consumer },
        note: { kind: 'queue-retire', queues: [queue.name], what },
      },
      operator,
    ).catch((error: unknown) => {
      if (sqlstateOf(error) !== '55006') throw error;
      throw refusal(
        `Workers of ${name} still work: ${(error as Error).message}`,
        'Its sources have ended; run this again.',
      );
    });
  }
  return proof;
}

/** Of all groups of the queue together. */
async function restOf(link: CentralLink, config: Config, queue: Queue): Promise<QueueRest> {
  const names = queue.groups === undefined ? [queue.name] : workedOf(queue).map(({ name }) => name);
  let all: QueueRest = { hasGroup: false, running: 0, waiting: 0, retrying: 0, dead: 0 };
  for (const name of names) {
    const one = await readQueueRest(link, { name, group: groupName(config) });
    all = {
      hasGroup: all.hasGroup || one.hasGroup,
      running: all.running + one.running,
      waiting: all.waiting + one.waiting,
      retrying: all.retrying + one.retrying,
      dead: all.dead + one.dead,
    };
  }
  return all;
}

async function endOn(
  name: string,
  only: ReadonlySet<string>,
  { config, link, consumer, operator, isCut, patienceMs, signal, queue }: QueueRetirement,
): Promise<EndedSource[]> {
  const found = await findSuccession({
    ...{ config, link, consumer, only },
    olds: [name],
    news: [],
    isGone: false,
  });
  try {
    await carryOut(found, {
      ...{ operator, isCut, patienceMs, signal },
      note: {
        kind: 'queue-retire',
        queues: [queue.name],
        what: `retired ${[...only].map((one) => `${name}:${one}`).join(' and ')} of ${queue.name}.`,
      },
    });
    return await proofOf(found);
  } finally {
    await closeAll(found.sides);
  }
}

/** Waits until workers have handled what is there. @throws where they have not in time. */
async function finished({ config, link, queue, patienceMs, signal }: QueueRetirement): Promise<void> {
  if (workedOf(queue).length === 0) return;
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const rest = await restOf(link, config, queue);
    if (!rest.hasGroup || rest.waiting + rest.retrying === 0) return;
    if (performance.now() >= endMs || signal.aborted)
      throw refusal(
        `The sources of ${queue.name} have ended, and ${counted(rest.waiting, 'event')} wait for its workers, ${rest.retrying.toLocaleString('en-US')} to be tried again.`,
        'Leave the queue in the file and its workers running, then run this again.',
      );
    await wait(Math.min(TIMING.commands.drainAskMs, endMs - performance.now()), signal);
  }
}
