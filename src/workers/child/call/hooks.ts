// Calls `setup` and `teardown` of a handler, once per process and each within a time limit.
import { describeThrown } from '../../../errors/thrown.ts';
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { Handler, ProcessContext } from '../../../handler/contract.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';

/** @throws misconfigured where `setup` fails or does not return: then no worker can use the handler. */
export async function setUpHandler(
  handler: Handler,
  context: ProcessContext,
  { path, withinMs = TIMING.handler.loadMs }: { readonly path: string; readonly withinMs?: number },
): Promise<void> {
  if (handler.setup === undefined) return;
  const unusable = (what: string, remedy: string, cause?: unknown) =>
    new TributaryError(`The \`setup\` of handler ${path} ${what}`, {
      code: 'handler-unusable',
      kind: 'misconfigured',
      remedy,
      cause,
    });
  let isInTime: boolean;
  try {
    isInTime = await within(withinMs, async () => handler.setup?.(context));
  } catch (error) {
    throw unusable(`fails: ${sentenceOf(error)}`, 'Correct it, or what it needs.', error);
  }
  if (!isInTime)
    throw unusable(`is not done after ${Math.round(withinMs / 1_000)} s.`, 'See what it waits for.');
}

/** Never throws: the work is done by then. */
export async function tearDownHandler(
  handler: Handler,
  context: ProcessContext,
  { withinMs = TIMING.handler.teardownMs }: { readonly withinMs?: number } = {},
): Promise<void> {
  if (handler.teardown === undefined) return;
  try {
    if (await within(withinMs, async () => handler.teardown?.(context))) return;
    context.log.warn(`the handler's \`teardown\` is not done after ${Math.round(withinMs / 1_000)} s`);
  } catch (error) {
    context.log.warn(`the handler's \`teardown\` fails: ${sentenceOf(error)}`);
  }
}

const sentenceOf = (error: unknown): string =>
  `${(describeThrown(error, 'It').message.split('\n')[0] ?? '').replace(/\.$/, '')}.`;

async function within(ms: number, work: () => Promise<unknown>): Promise<boolean> {
  const controller = new AbortController();
  try {
    return await Promise.race([work().then(() => true), wait(ms, controller.signal).then(() => false)]);
  } finally {
    controller.abort();
  }
}
