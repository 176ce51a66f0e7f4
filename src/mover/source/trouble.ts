// Why a source does not move although its shard answers, and how long it rests after a failure of its own.
//
// Invariant: a failure never hides why an operator or a check halted or paused the source, and its end never ends that.

import type { StoredState } from '../../central/source-states.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { shellWord } from '../../errors/shell-word.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';
import { TIMING } from '../../lifecycle/timing.ts';

export interface TroubleReport {
  readonly state: 'halted' | 'paused' | 'unreachable' | 'unassigned';
  readonly reason: string;
}

export class SourceTrouble {
  /** The source as `shard:queue`. */
  readonly #name: string;
  #report: TroubleReport | undefined;
  #endedAtMs = performance.now();
  #failures = 0;
  #failedAt: 'read' | 'commit' | undefined;
  #restsUntilMs = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Undefined: the source moves. */
  get report(): TroubleReport | undefined {
    return this.#report;
  }

  /** When the last trouble ended, else when the source was first known, on the monotonic clock, ms. */
  get endedAtMs(): number {
    return this.#endedAtMs;
  }

  /** Neither halted nor paused nor resting. */
  get mayMove(): boolean {
    const isStopped = this.#report !== undefined && this.#report.state !== 'unreachable';
    return !isStopped && performance.now() >= this.#restsUntilMs;
  }

  halt(reason: string): void {
    this.#become({ state: 'halted', reason });
  }

  /** Takes over whether an operator paused or halted the source. */
  refresh(stored: StoredState, { hasPosition }: { readonly hasPosition: boolean }): void {
    const label = `Source ${this.#name}`;
    if (stored.state === 'halted') {
      this.#become({ state: 'halted', reason: stored.haltReason ?? `${label} is halted.` });
    } else if (stored.paused) {
      const reason = stored.pauseReason ?? 'Paused by an operator; `tributary resume` goes on.';
      this.#become({ state: 'paused', reason });
    } else if (stored.state === 'registering') {
      const reason = `${label} is not registered to its end: run \`tributary install\` again.`;
      this.#become({ state: 'unassigned', reason });
    } else if (!hasPosition) {
      const reason = `The position of ${this.#name} is missing: see \`tributary repair ${shellWord(this.#name)} --dry-run\`.`;
      this.#become({ state: 'halted', reason });
    } else if (this.#report?.state !== 'unreachable') {
      this.#become(undefined);
    }
  }

  /** Reading or committing the source failed through its own fault: it rests, longer each time. */
  failed(error: unknown, at: 'read' | 'commit'): void {
    this.#failures = this.#failedAt === at ? this.#failures + 1 : 1;
    this.#failedAt = at;
    this.#restsUntilMs = performance.now() + backoffMs(this.#failures, TIMING.shard.sourceTrouble);
    if (this.#report !== undefined && this.#report.state !== 'unreachable') return;
    const reason = `${sentenceFor(error, `Source ${this.#name}`)} It is tried again.`;
    this.#become({ state: 'unreachable', reason });
  }

  /** Reading, or committing, works again. */
  succeeded(at: 'read' | 'commit'): void {
    if (this.#failedAt !== at) return;
    this.#failedAt = undefined;
    this.#restsUntilMs = 0;
    if (this.#report?.state === 'unreachable') this.#become(undefined);
  }

  #become(report: TroubleReport | undefined): void {
    if (this.#report !== undefined && report === undefined) this.#endedAtMs = performance.now();
    this.#report = report;
  }
}
