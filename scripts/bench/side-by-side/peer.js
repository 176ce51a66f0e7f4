// The messages between the bench and a peer: `fill`, then its end; or `ready`, `go`, and then how many jobs were handled.
import { once } from 'node:events';
import process from 'node:process';

/** Jobs of one call of the bulk API. */
export const TOGETHER = 5_000;
const TELL_EVERY_MS = 10;

/** What a handler does for each job: nothing, one statement, or a part of one statement for all jobs of the call. */
export const INSERT_ONE = 'insert into public.done values ($1)';
export const INSERT_ALL = 'insert into public.done select * from unnest($1::bigint[])';

/** @param {string} pad @param {number} n */
export const payload = (pad, n) => ({ n, pad });

/**
 * @param {{
 *   fill(url: string, jobs: { n: number; pad: string }[][]): Promise<void>;
 *   work(url: string, handler: string, handled: (jobs: number) => void, ready: () => Promise<void>): Promise<void>;
 * }} peer
 */
export async function runPeer({ fill, work }) {
  const url = process.env.BENCH_URL ?? '';
  const [what = '', handler = ''] = process.argv.slice(2);
  if (what === 'fill') {
    const count = Number(process.env.BENCH_EVENTS);
    const pad = process.env.BENCH_PAD ?? '';
    const jobs = [];
    for (let from = 0; from < count; from += TOGETHER) {
      const size = Math.min(TOGETHER, count - from);
      jobs.push(Array.from({ length: size }, (_, at) => payload(pad, from + at)));
    }
    await fill(url, jobs);
    process.exit(0);
  }
  let handled = 0;
  let told = 0;
  setInterval(() => {
    if (handled > told) process.stdout.write(`handled ${handled - told}\n`);
    told = handled;
  }, TELL_EVERY_MS);
  await work(
    url,
    handler,
    (jobs) => {
      handled += jobs;
    },
    async () => {
      process.stdout.write('ready\n');
      await once(process.stdin, 'data');
    },
  );
}
