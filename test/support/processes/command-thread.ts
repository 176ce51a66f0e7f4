// Runs commands of the built command line in a thread of its own, one after another: with durations of its own, which a
// process reads once, and without the start of a process for each. For tests that ask the same again and again.
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { afterEachFile } from '../after-file.ts';
import type { Ran } from './run-cli.ts';

/** The environment of a command is empty, as in run-cli.ts; that of the thread holds TRIBUTARY_TIMING. */
const SCRIPT = `
const { parentPort, workerData } = require('node:worker_threads');
const { Readable } = require('node:stream');
const program = import(workerData.program);
parentPort.on('message', async ({ argv }) => {
  const texts = { stdout: '', stderr: '' };
  const output = (name) => ({ write: (text) => { texts[name] += text; } });
  const { signal } = new AbortController();
  const { runCli } = await program;
  const code = await runCli(argv, {
    stdin: Readable.from([]), stdout: output('stdout'), stderr: output('stderr'),
    env: {}, cwd: '/nowhere', signal, hardSignal: signal,
  });
  parentPort.postMessage({ code, ...texts });
});
`;

const threads = new Map<string, CommandThread>();

afterEachFile(async () => {
  const ended = [...threads.values()].map((thread) => thread.end());
  threads.clear();
  await Promise.all(ended);
});

/** Runs `tributary ARGS` to its end, as a process with this TRIBUTARY_TIMING would. */
export function runWithTiming(timing: string, argv: readonly string[]): Promise<Ran> {
  const thread = threads.get(timing) ?? new CommandThread(timing);
  threads.set(timing, thread);
  return thread.run(argv);
}

class CommandThread {
  readonly #worker: Worker;
  #last: Promise<unknown> = Promise.resolve();

  constructor(timing: string) {
    this.#worker = new Worker(SCRIPT, {
      eval: true,
      execArgv: [],
      env: { ...process.env, TRIBUTARY_TIMING: timing },
      workerData: { program: pathToFileURL(packagePath('dist', 'cli', 'program.js')).href },
    });
    this.#worker.unref();
  }

  run(argv: readonly string[]): Promise<Ran> {
    const mine = this.#last.then(() => this.#answer(argv));
    this.#last = mine.catch(() => {});
    return mine;
  }

  async end(): Promise<void> {
    await this.#last;
    await this.#worker.terminate();
  }

  #answer(argv: readonly string[]): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#worker.off('message', answered);
        this.#worker.off('error', failed);
        this.#worker.unref();
      };
      const answered = (ran: Ran) => {
        settle();
        resolve(ran);
      };
      const failed = (error: Error) => {
        settle();
        reject(error);
      };
      this.#worker.on('message', answered);
      this.#worker.on('error', failed);
      this.#worker.ref();
      this.#worker.postMessage({ argv });
    });
  }
}
