// The producer's errors: its own mistakes as sentences, and what databases say where a sentence says more.
import type { ErrorCode } from '../errors/codes.ts';
import { sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';

interface Options {
  readonly code: ErrorCode;
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

const mistake = (what: string, { code, remedy, cause }: Options) =>
  new TributaryError(what, {
    code,
    kind: 'misconfigured',
    cause,
    ...(remedy === undefined ? {} : { remedy }),
  });

export const mistakeInEvent = (what: string, remedy?: string) =>
  mistake(what, { code: 'producer-event', remedy });

/** @param remedy what to give instead. */
export const noTransaction = (what: string, remedy: string) =>
  mistake(what, { code: 'producer-transaction', remedy });

/**
 * What a producer is to be told instead of `error`; anything else as it came, for callers that look at its code, for
 * instance to try again.
 */
export function explained(error: unknown, { queue, schema }: { queue: string; schema: string }): unknown {
  const sqlstate = sqlstateIn(error);
  const said = error instanceof Error ? error.message : '';
  switch (sqlstate) {
    case '25P02':
      return mistake(`Nothing can be sent to \`${queue}\`: an earlier error has ended this transaction.`, {
        code: 'producer-transaction',
        remedy: 'Look at that error, and roll back.',
        cause: error,
      });
    case '42501':
      return mistake(`This role may not put events into \`${queue}\`.`, {
        code: 'producer-rights',
        remedy: `As an administrator: \`grant ${schema}_writer to …\`.`,
        cause: error,
      });
    case '3F000':
    case '42P01':
    case '42883':
      return mistake(`This database has no PgQ in schema \`${schema}\`.`, {
        code: 'producer-pgq',
        remedy: '`tributary install` puts it on every shard; is this connection one to a shard?',
        cause: error,
      });
    case '25006':
      return mistake(
        `Nothing can be sent to \`${queue}\` in a transaction that is read-only, or on a standby.`,
        {
          code: 'producer-transaction',
          remedy: 'Use one that may write.',
          cause: error,
        },
      );
  }
  if (/Insert into queue disallowed/.test(said)) {
    return mistake(`Queue \`${queue}\` takes no events now: somebody has closed it.`, {
      code: 'producer-queue',
      remedy: `As an administrator: \`update ${schema}.queue set queue_disable_insert = false\` for it.`,
      cause: error,
    });
  }
  return error;
}

/** Libraries wrap what the server said, each in its own way. */
function sqlstateIn(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > 4) return undefined;
  const found = sqlstateOf(error);
  // Codes of Prisma look like SQLSTATEs: `P2010`.
  if (found !== undefined && !/^P[1-9]/.test(found)) return found;
  const { cause, meta, driverAdapterError, originalCode } = error as Readonly<Record<string, unknown>>;
  if (typeof originalCode === 'string') return originalCode;
  return [driverAdapterError, meta, cause]
    .map((inner) => sqlstateIn(inner, depth + 1))
    .find((code) => code !== undefined);
}
