// What happens in a mover, for logs, metrics and tests. Nothing here logs by itself.
import type { HaltCode } from '../errors/codes.ts';
import type { DividedWindow } from './windows/divided-window.ts';

export type MoverOccurrence =
  | {
      readonly kind: 'committed';
      readonly queue: string;
      readonly rows: number;
      readonly bytes: number;
      readonly sources: number;
      /** How long central took. */
      readonly ms: number;
    }
  | { readonly kind: 'central-trouble'; readonly queue: string | undefined; readonly error: unknown }
  /** Central lacks what it had: it was restored, or a standby that had not received all took over. */
  | {
      readonly kind: 'central-older';
      readonly shard: string;
      readonly sources: number;
      /** Undefined: not known, for this mover did not move them. */
      readonly events: number | undefined;
    }
  | { readonly kind: 'lease-lost'; readonly resource: string; readonly reason: 'ran-out' | 'taken-over' }
  /** The mover that held it was silent. */
  | { readonly kind: 'lease-taken-over'; readonly resource: string }
  | { readonly kind: 'stood-still'; readonly loop: string; readonly ms: number }
  | { readonly kind: 'shard-connected'; readonly shard: string }
  /** The file does not name it any more: what was read is committed, its connection closed, its lease free. */
  | { readonly kind: 'shard-let-go'; readonly shard: string }
  /** A shard has answered a round: how long it took. */
  | { readonly kind: 'round'; readonly shard: string; readonly ms: number }
  | {
      readonly kind: 'shard-trouble';
      readonly shard: string;
      readonly error: unknown;
      readonly retryMs: number;
    }
  | {
      readonly kind: 'source-trouble';
      readonly shard: string;
      readonly queue: string;
      readonly error: unknown;
    }
  | {
      readonly kind: 'source-halted';
      readonly shard: string;
      readonly queue: string;
      readonly code: HaltCode;
      readonly reason: string;
    }
  | {
      readonly kind: 'condemned';
      readonly shard: string;
      readonly queue: string;
      /** Which database refuses it: central, or the shard, which cannot read it. */
      readonly by: 'central' | 'shard';
      readonly origin: string | undefined;
      readonly error: string;
      readonly sqlstate: string;
    }
  | ({ readonly kind: 'window-cut'; readonly shard: string; readonly queue: string } & DividedWindow)
  | { readonly kind: 'origin-taken'; readonly shard: string; readonly queue: string; readonly rows: number }
  | { readonly kind: 'foreign-ticker'; readonly shard: string; readonly queue: string }
  | { readonly kind: 'upkeep'; readonly database: string; readonly what: string; readonly detail: string }
  | {
      readonly kind: 'upkeep-trouble';
      readonly database: string;
      readonly what: string;
      readonly error: unknown;
    };

export type OnMoverOccurrence = (occurrence: MoverOccurrence) => void;
