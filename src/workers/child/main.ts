// The process of one worker. One of the two files that catch signals.
//
// A terminal's Ctrl-C reaches every process of its group; only the primary decides what it means, so signals are ignored
// here and messages obeyed. When the primary is gone, the channel closes and this process ends, or is killed where it is too
// busy to see that (primary/slot/orphan-guard.ts): the batch at hand is handed out again.
import { constants } from 'node:os';
import { type DestinationStream, type Logger, pino } from 'pino';
import { applyHandler } from '../../apply/handler.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import type { Handler } from '../../handler/contract.ts';
import { loadHandler } from '../../handler/load.ts';
import { asciiText, isAsciiOnly } from '../../lifecycle/ascii.ts';
import { onParentGone } from '../../lifecycle/forked.ts';
import { forPeople, newLogger } from '../../lifecycle/logger.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { ENDED, type FatalCall, type StartMessage, type ToPrimary, toWorker } from '../protocol.ts';
import { sayWith } from './call/failure-log.ts';
import { setUpHandler, tearDownHandler } from './call/hooks.ts';
import { noteStray, type StrayKind } from './call/strays.ts';
import { Worker } from './worker.ts';

process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
onParentGone(() => process.exit(128 + constants.signals.SIGHUP));

function send(message: ToPrimary): void {
  // `disconnect` reports a channel that closes at this moment.
  process.send?.(message, undefined, {}, () => {});
}

let worker: Worker | undefined;
/** Errors while the handler is loaded would come again in every process: the handler is unusable, the process did not crash. */
let isLoading = false;
let release = (_suspect: FatalCall | undefined) => {};
const released = new Promise<FatalCall | undefined>((resolve) => {
  release = resolve;
});

process.on('message', (raw) => {
  const parsed = toWorker.safeParse(raw);
  // node:cluster has messages of its own on the same channel.
  if (!parsed.success) return;
  const message = parsed.data;
  if (message.type === 'start') void begin(message);
  else if (message.type === 'go') release(message.suspect);
  else if (message.type === 'wake') worker?.wake();
  else if (message.type === 'held') worker?.held();
  else if (message.type === 'drain') drain();
  else worker?.stopNow();
});

function drain(): void {
  isLoading = false;
  if (worker === undefined) process.exit(ENDED.drained);
  void worker.stop();
}

async function begin(start: StartMessage): Promise<void> {
  const log = await makeLog(start.log);
  process.title = `tributary ${start.slot}`;
  isLoading = true;
  const park = (error: unknown) => {
    isLoading = false;
    send({ type: 'unusable', sentence: sentenceFor(error, start.handler) });
    setTimeout(() => process.exit(ENDED.unusable), TIMING.worker.unusableMs);
  };
  process.once('exit', (code) => {
    if (!isLoading) return;
    send({
      type: 'unusable',
      sentence: `The handler ${start.handler} ends its process (${code}) while it is loaded.`,
    });
    process.exitCode = ENDED.unusable;
  });
  const onStray = (error: unknown, kind: StrayKind) => {
    if (isLoading) return park(error);
    const { slot } = start;
    if (noteStray(error, kind) !== undefined) {
      const what = 'the handler left an error uncaught: this worker is replaced after the batch';
      sayWith(error, (err) => log.error({ err, slot }, what));
      worker?.endAfterBatch();
      return;
    }
    // The error may have left anything behind: the process ends, the batch is handed out again.
    sayWith(error, (err) =>
      log.fatal({ err, slot }, "an error outside of the handler's call ends this worker"),
    );
    process.exit(1);
  };
  process.on('uncaughtException', (error) => onStray(error, 'exception'));
  process.on('unhandledRejection', (reason) => onStray(reason, 'rejection'));
  setInterval(() => {
    const stalledMs = worker?.signs.stalledMs() ?? 0;
    const figures = { ...worker?.record.figures, counted: worker?.tally.take() };
    send({ type: 'pulse', rssBytes: process.memoryUsage.rss(), stalledMs, ...figures });
  }, TIMING.worker.pulseMs);
  const { queue, slot, work = queue, groupName: group } = start;
  const context = {
    ...{ log: log.child({ queue: work, slot }), queue, slot },
    ...(group !== undefined && { group }),
  };
  let handler: Handler;
  try {
    handler = start.apply === undefined ? await loadHandler(start.handler) : applyHandler(start.apply, start);
    if (!isLoading) return;
    await setUpHandler(handler, context, { path: start.handler });
    if (!isLoading) return;
    isLoading = false;
    let suspect: FatalCall | undefined;
    if (start.isStandby) {
      send({ type: 'standby' });
      suspect = await released;
    }
    worker = new Worker({ ...start, ...(suspect && { suspect }) }, { handler, log, send });
  } catch (error) {
    if (isLoading) park(error);
    return;
  }
  await worker.run();
  await tearDownHandler(handler, context);
  // Sent first, because the exit code alone proves nothing: a handler can exit with any code.
  await new Promise<void>((resolve) => {
    const message: ToPrimary = { type: 'ending', counted: worker?.tally.take() };
    if (process.send === undefined) resolve();
    else process.send(message, undefined, {}, () => resolve());
  });
  process.exit(worker.hasOverrun ? ENDED.recycled : ENDED.drained);
}

const spelled = (destination: { write(text: string): unknown }, isAscii: boolean): DestinationStream => ({
  write: (text) => void destination.write(isAscii ? asciiText(text) : text),
});

/** The pretty printer is loaded only where people read the log. */
async function makeLog({ level, isPretty }: StartMessage['log']): Promise<Logger> {
  const isAscii = isAsciiOnly(process.env);
  if (!isPretty) return newLogger(level, spelled(pino.destination({ dest: 2, sync: true }), isAscii));
  const { prettyFactory } = await import('pino-pretty');
  return newLogger(level, forPeople(prettyFactory, spelled(process.stderr, isAscii)));
}

send({ type: 'up' });
