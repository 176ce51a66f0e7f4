#!/usr/bin/env node
import { constants } from 'node:os';
import { sentenceFor } from '../errors/sentence.ts';
import { onParentGone } from '../lifecycle/forked.ts';
import { plainLines } from '../lifecycle/plain.ts';
// The process `tributary`: its signals, its streams, its exit code. One of the two files that catch signals.
import { TIMING } from '../lifecycle/timing.ts';
import { EXIT } from './exit.ts';
import { runCli } from './program.ts';
import { StopSwitch } from './stop-switch.ts';

const stop = new StopSwitch();
const pressed = () => {
  if (stop.press(performance.now()) === 'end') process.exit(EXIT.failed);
};
process.on('SIGINT', pressed);
process.on('SIGTERM', pressed);
// The process that forked us (`start` its mover, `demo` its `start`) holds the channel: where it ends, we end.
onParentGone(() => {
  setTimeout(() => process.exit(EXIT.failed), TIMING.commands.orphanMs).unref();
  pressed();
});
stop.hardSignal.addEventListener('abort', () => {
  setTimeout(() => process.exit(EXIT.failed), TIMING.commands.letGoMs).unref();
});

// `tributary lag | head` closes our stdout, which is no failure.
process.stdout.on('error', outputFailed);
process.stderr.on('error', () => {});

process.on('uncaughtException', (error) => {
  const isDebug = process.env.TRIBUTARY_DEBUG === '1';
  process.stderr.write(`${plainLines(isDebug ? `${error.stack}` : sentenceFor(error, 'tributary'))}\n`);
  process.exit(EXIT.failed);
});

const code = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  get signal() {
    return stop.signal;
  },
  get hardSignal() {
    return stop.hardSignal;
  },
  onHangUp(listener) {
    if (!process.stderr.isTTY) process.on('SIGHUP', listener);
  },
});
process.stdout.write('', (error) => (error ? outputFailed(error) : process.exit(code)));

function outputFailed({ code, message }: NodeJS.ErrnoException): never {
  // The exit code of programs that a closed pipe ends: the rest of the output was not seen.
  if (code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
  process.stderr.write(`What is printed cannot be written: ${message}.\n`);
  process.exit(EXIT.failed);
}
