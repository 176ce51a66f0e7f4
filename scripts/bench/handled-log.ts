// The files in which handlers of a bench note each event with the time at which its call began.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BenchCluster } from './cluster.ts';
import { type Stages, stagesOf } from './stages.ts';

/** A handler that appends one line for each event: its queue, its id in central, and when the call began, in ms. */
const HANDLER = `import { appendFileSync } from 'node:fs';
export default {
  async batch(events) {
    const now = Date.now();
    appendFileSync(process.env.BENCH_LATENCIES, events.map(({ id, origin }) => {
      return origin.queue + ' ' + id + ' ' + now + '\\n';
    }).join(''));
  },
};
`;

export interface HandledLog {
  /** Environment for the processes that run the handler. */
  readonly env: { readonly BENCH_LATENCIES: string };
  /** Number of events handled so far. */
  readonly count: number;
  /** Waits until no more events are handled for two seconds. */
  settled(): Promise<void>;
  /** All notes so far. */
  stages(queues: readonly string[]): Promise<Stages[]>;
}

/** Writes the handler `./handler.mjs` that the queues of the installation name. */
export function writeHandler({ config, central }: BenchCluster): HandledLog {
  const folder = dirname(config.file);
  const file = join(folder, 'latencies');
  writeFileSync(join(folder, 'handler.mjs'), HANDLER);
  writeFileSync(file, '');
  const lines = () => readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return {
    env: { BENCH_LATENCIES: file },
    get count() {
      return lines().length;
    },
    async settled() {
      for (let before = -1, now = lines().length; now !== before; before = now, now = lines().length) {
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
    },
    async stages(queues) {
      const handled = lines().map((line) => line.split(' ') as [string, string, string]);
      const stages: Stages[] = [];
      for (const queue of queues) {
        const own = handled.filter(([of]) => of === queue);
        const found = await stagesOf(
          central,
          queue,
          own.map(([, id, atMs]) => ({ id: Number(id), atMs: Number(atMs) })),
        );
        // Some hundred thousand are too many for the arguments of one call.
        for (const one of found) stages.push(one);
      }
      return stages;
    },
  };
}
