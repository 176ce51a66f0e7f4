// Ends a worker whose primary is gone although its handler never lets the event loop turn: a thread looks at the parent.
import { Worker as Thread } from 'node:worker_threads';

const EVERY_MS = 1_000;

/** Started once; costs a thread that sleeps. */
export function watchParent(parentPid = process.ppid): void {
  const code = `
    const { workerData: parent } = require('node:worker_threads');
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, ${EVERY_MS});
  `;
  const thread = new Thread(code, {
    eval: true,
    stdin: false,
    // Known here: asked in the thread, a parent that is gone already would be taken for nobody's.
    workerData: parentPid,
    resourceLimits: { maxOldGenerationSizeMb: 32 },
  });
  // Without it the worker still ends by the closing channel, as soon as its loop turns.
  thread.on('error', () => {});
  thread.unref();
}
