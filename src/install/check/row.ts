// The result of check for one database.
import type { Database } from '../../config/config.ts';
import type { Provider } from '../../queue/provider.ts';
import type { TickedBy } from './ticker.ts';

export interface CheckRow {
  /** The shard's name, or `central`. */
  readonly name: string;
  /** Without secrets. */
  readonly url: string;
  readonly isReachable: boolean;
  /** The server answers, and refuses us. */
  readonly isRefused: boolean;
  readonly serverVersion: string | undefined;
  readonly provider: Provider | undefined;
  readonly version: string | undefined;
  readonly missingPrivileges: readonly string[];
  readonly tickedBy: TickedBy | undefined;
  readonly lastTickSeconds: number | undefined;
  /** How far the server's clock is ahead of this machine's, in ms. */
  readonly clockSkewMs: number | undefined;
  readonly missingQueues: readonly string[];
  /** Sources in place, and sources that the file asks for; on central its queues. */
  /** Undefined: central could not be asked. */
  readonly inPlace: number | undefined;
  readonly wanted: number;
  /** What is wrong, each with its remedy. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

export const unreachableRow = (
  name: string,
  { displayUrl }: Database,
  {
    wanted,
    problem,
    isRefused,
  }: { readonly wanted: number; readonly problem: string; readonly isRefused: boolean },
): CheckRow => ({
  name,
  url: displayUrl,
  isReachable: false,
  isRefused,
  serverVersion: undefined,
  provider: undefined,
  version: undefined,
  missingPrivileges: [],
  tickedBy: undefined,
  lastTickSeconds: undefined,
  clockSkewMs: undefined,
  missingQueues: [],
  inPlace: 0,
  wanted,
  problems: [problem],
  warnings: [],
});
