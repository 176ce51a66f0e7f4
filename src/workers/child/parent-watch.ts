// Ends a worker whose primary is gone although its handler never lets the event loop turn: a thread looks at the parent.
import { Worker as Thread } from 'node:worker_threads';

const EVERY_MS = 1_000;

/** Started once; costs a thread that sleeps. */
export function watchParent(): void {
  const code = `
    const parent = process.ppid;
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, ${EVERY_MS});
  `;
  const thread = new Thread(code, {
    eval: true,
    stdin: false,
    resourceLimits: { maxOldGenerationSizeMb: 8 },
  });
  // Without it the worker still ends by the closing channel, as soon as its loop turns.
  thread.on('error', () => {});
  thread.unref();
}
