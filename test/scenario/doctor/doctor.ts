// What `tributary doctor` says, for tests that stage a cause and wait until it is named.
import { expect } from 'vitest';
import type { Diagnosis } from '../../../src/observability/doctor/diagnosis.ts';
import { runWithTiming } from '../../support/processes/command-thread.ts';
import { until } from '../../support/until.ts';

export interface DoctorAnswer {
  readonly healthy: boolean;
  readonly diagnoses: readonly Diagnosis[];
  readonly unasked: readonly { readonly shard: string; readonly reason: string }[];
}

/** Limits that would keep a test waiting. */
const SHORT = [
  'transactionSeconds=0 longTransactionSeconds=1 lockSeconds=1 rotationSeconds=5 memorySeconds=1 slowCommitMs=500',
  'growingSeconds=3 lateSeconds=10 heldTransactions=1',
]
  .join(' ')
  .replace(/(\w+=)/g, 'doctor.$1');

/** A look asks each server in sessions of its own, which costs them a tenth of a second. */
export const EVERY_MS = 500;

/** One look; the exit code says what the document does. */
async function doctor(file: string, timing = SHORT): Promise<DoctorAnswer> {
  const { code, stdout, stderr } = await runWithTiming(timing, ['-c', file, 'doctor', '--json']);
  if (code !== 0 && code !== 3) throw new Error(stderr);
  const answer = JSON.parse(stdout) as DoctorAnswer;
  expect(code).toBe(answer.healthy ? 0 : 3);
  return answer;
}

export const causesOf = async (file: string): Promise<string[]> =>
  (await doctor(file)).diagnoses.map(({ cause }) => cause);

/** Until it names the cause, for one of these names where any is given. */
export async function untilNamed(
  file: string,
  cause: string,
  { name, timing }: { readonly name?: string; readonly timing?: string } = {},
): Promise<Diagnosis> {
  let last: DoctorAnswer | undefined;
  return await until(
    async () => {
      last = await doctor(file, timing);
      return last.diagnoses.find(
        (one) => one.cause === cause && (name === undefined || one.names.includes(name)),
      );
    },
    { what: `the cause ${cause}`, timeoutMs: 90_000, everyMs: EVERY_MS },
  ).catch((error: unknown) => {
    throw new Error(`${error}\n${JSON.stringify(last, null, 2)}`);
  });
}

export const untilHealthy = (file: string, timing = SHORT): Promise<unknown> => {
  let last: DoctorAnswer | undefined;
  return until(
    async () => {
      last = await doctor(file, timing);
      return last.healthy;
    },
    { what: 'nothing to find', timeoutMs: 90_000, everyMs: EVERY_MS },
  ).catch((error: unknown) => {
    throw new Error(`${error}\n${JSON.stringify(last, null, 2)}`);
  });
};
