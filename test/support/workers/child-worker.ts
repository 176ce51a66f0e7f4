// A worker in the test's own process: its handler sees the test's variables, and its messages are kept.
import { type Logger, pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Handler } from '../../../src/handler/contract.ts';
import { Worker } from '../../../src/workers/child/worker.ts';
import type { StartMessage, ToPrimary } from '../../../src/workers/protocol.ts';
import { GROUP, type WorkerCentral } from './worker-central.ts';

export interface Running {
  readonly worker: Worker;
  readonly messages: ToPrimary[];
  /** Drains, and waits for the end. */
  stop(): Promise<void>;
}

export interface WorkerOverrides extends Partial<StartMessage> {
  readonly logger?: Logger;
}

/** Works on `orders` as `orders#1`, unless `overrides` say else; stopped with the test. */
export function givenWorker(
  central: WorkerCentral,
  handler: Handler,
  { logger = pino({ level: 'silent' }), ...overrides }: WorkerOverrides = {},
): Running {
  const messages: ToPrimary[] = [];
  const worker = new Worker(
    {
      type: 'start',
      central: central.database,
      queue: 'orders',
      group: GROUP,
      slot: 'orders#1',
      handler: '',
      origin: 'extra4',
      timeoutMs: 5_000,
      retry: { attempts: 3, firstMs: 10, maxMs: 50 },
      log: { level: 'silent', isPretty: false },
      ...overrides,
    },
    { handler, log: logger, send: (message) => messages.push(message) },
  );
  const ended = worker.run();
  const stop = async () => {
    await worker.stop();
    await ended;
  };
  onTestFinished(stop);
  return { worker, messages, stop };
}

/** Its messages about finished batches. */
export const finished = ({ messages }: Running) =>
  messages.flatMap((message) => (message.type === 'finished' ? [message] : []));

/** 1, 2, … `count`. */
export const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
