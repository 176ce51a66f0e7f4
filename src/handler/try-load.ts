// Tries whether a handler can be loaded, in a process of its own: its code may do anything, or never return.
import { fork } from 'node:child_process';
import { packagePath } from '../lifecycle/package-root.ts';
import { TIMING } from '../lifecycle/timing.ts';

/** Always the compiled file, as for workers. */
const PROBE = packagePath('dist', 'handler', 'probe.js');

/** @returns what is wrong with it, as a sentence; undefined: nothing. */
export function tryLoad(
  path: string,
  { withinMs = TIMING.handler.loadMs + TIMING.handler.tryLoadSlackMs }: { readonly withinMs?: number } = {},
): Promise<string | undefined> {
  return new Promise((resolve) => {
    // What it prints is for the log of a worker.
    const child = fork(PROBE, [path], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    let sentence: string | undefined = `The handler ${path} ends its process while it is loaded.`;
    const timer = setTimeout(() => {
      sentence = `The handler ${path} is not loaded after ${Math.round(withinMs / 1_000)} s. See what it does at its top level, or do that in the first call.`;
      child.kill('SIGKILL');
    }, withinMs);
    child.once('message', (said) => {
      sentence = said === '' ? undefined : String(said);
    });
    child.once('error', ({ message }) => {
      sentence = `The handler ${path} cannot be tried: ${message}.`;
      end();
    });
    child.once('close', end);
    function end(): void {
      clearTimeout(timer);
      resolve(sentence);
    }
  });
}
