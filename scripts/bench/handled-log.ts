// What handlers of a bench write down: each event with the time at which its handler began.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BenchCluster } from './cluster.ts';
import { type Stages, stagesOf } from './stages.ts';

/** Appends of each event its queue, its id in central and when the handler began, in ms, a line each. */
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
  /** For the processes that handle. */
  readonly env: { readonly BENCH_LATENCIES: string };
  /** How many events were handled so far. */
  readonly count: number;
  /** Until no more come for two seconds. */
  settled(): Promise<void>;
  /** Of all that was handled. */
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
        stages.push(
          ...(await stagesOf(
            central,
            queue,
            own.map(([, id, atMs]) => ({ id: Number(id), atMs: Number(atMs) })),
          )),
        );
      }
      return stages;
    },
  };
}
