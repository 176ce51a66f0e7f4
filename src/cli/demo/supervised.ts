// `tributary start` as the demo runs it: a process of its own, whose warnings are passed on.
//
// Invariant: it and all its children hold our pipe, so that the pipe ends only when all of them have ended.
// Fails by: our own death, which closes its channel; it then ends, and its children with it.
import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { packagePath } from '../../lifecycle/package-root.ts';

export interface SupervisedOptions {
  readonly file: string;
  readonly host: string;
  readonly env: NodeJS.ProcessEnv;
  /** Called with each sentence that it logs as a warning or an error, once each. */
  readonly onSentence: (sentence: string) => void;
  /** It ended without `stop`. */
  readonly onLost: (how: string) => void;
}

/** Time to drain before it is killed. */
const DRAIN_MS = 15_000;
const MOST_REMEMBERED = 1_000;

export class Supervised {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #isStopping = false;

  constructor({ file, host, env, onSentence, onLost }: SupervisedOptions) {
    this.#child = fork(packagePath('dist', 'run', 'tributary.js'), ['-c', file, 'start', '--host', host], {
      env: { ...env, TRIBUTARY_LOG: 'warn' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#ended = new Promise((resolve) => {
      const end = (how: string) => {
        if (!this.#isStopping) onLost(how);
        resolve();
      };
      this.#child.once('close', (code, signal) => end(signal ?? `exit code ${code}`));
      this.#child.once('error', ({ message }) => end(message));
    });
    const { stderr } = this.#child;
    const said = new Set<string>();
    if (stderr === null) return;
    createInterface(stderr).on('line', (line) => {
      const sentence = sentenceIn(line);
      if (!said.has(sentence)) onSentence(sentence);
      if (said.size < MOST_REMEMBERED) said.add(sentence);
    });
  }

  /** Drains; resolves when no process of it is left. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), DRAIN_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** Logs are JSON lines; a mistake in the file is a plain sentence. */
function sentenceIn(line: string): string {
  try {
    return (JSON.parse(line) as { msg: string }).msg;
  } catch {
    return line;
  }
}
