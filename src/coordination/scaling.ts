// Changes how many workers a central queue has, and replaces them, with a note in the logbook.
import type { CentralLink } from '../central/central-link.ts';
import { noted, type Operator } from '../central/logbook/note.ts';
import { counted } from '../errors/words.ts';
import {
  installWorkers,
  readWantedWorkers,
  resetWorkers,
  rollOverWorkers,
  setWorkers,
  type WantedWorkers,
} from './worker-pool.ts';

type Central = Pick<CentralLink, 'use'>;

export interface Scaled {
  /** Undefined: the queue had no workers. */
  readonly before: WantedWorkers | undefined;
  readonly now: number;
}

/** @param wanted undefined: the file's number. */
export async function scaleQueue(
  link: Central,
  {
    queue,
    wanted,
    operator,
  }: { readonly queue: string; readonly wanted: number | undefined; readonly operator: Operator },
): Promise<Scaled> {
  return await noted(link, operator, async (central) => {
    const before = (await readWantedWorkers(central)).find((pool) => pool.queue === queue);
    const now =
      wanted === undefined
        ? await resetWorkers(central, queue)
        : await setWorkers(central, queue, { wanted, by: operator.who });
    const what = `scaled ${queue} from ${before?.wanted ?? 0} to ${counted(now, 'worker')}${wanted === undefined ? ', as in the file' : ''}.`;
    return { result: { before, now }, note: { kind: 'scale', queues: [queue], what } };
  });
}

/** The number of the file at hand counts from now on, and takes a `scale` back. */
export async function installFileNumber(
  link: Central,
  {
    queue,
    wanted,
    operator,
  }: { readonly queue: string; readonly wanted: number; readonly operator: Operator },
): Promise<Pick<Scaled, 'now'>> {
  return await noted(link, operator, async (central) => {
    const now = await installWorkers(central, queue, wanted);
    const what = `brought a file with ${counted(wanted, 'worker')} for ${queue}.`;
    return { result: { now }, note: { kind: 'scale', queues: [queue], what } };
  });
}

/** Asks all hosts to replace the workers of these queues. @returns the generation of the new ones, by queue. */
export async function replaceWorkers(
  link: Central,
  { queues, operator }: { readonly queues: readonly string[]; readonly operator: Operator },
): Promise<ReadonlyMap<string, number>> {
  return await noted(link, operator, async (central) => {
    const generations = new Map<string, number>();
    for (const queue of queues) generations.set(queue, await rollOverWorkers(central, queue));
    const what = `replaced the workers of ${queues.join(', ')} by new ones.`;
    return { result: generations, note: { kind: 'reload', queues, what } };
  });
}
