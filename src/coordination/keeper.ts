// The lease keeper: beats once a second over a connection of its own, takes and lets go of its share, and reports what it holds.
//
// Invariant: `holds` is true only while the server cannot have given the resource to another: trust counts from the start of
// the beat that renewed it and ends early. Work for a resource begins after onTaken and ends before it is let go.
// Order: a predecessor's backends are ended before onTaken; onRelease has ended before the beat that lets go.
// Fails by: a crash leaves leases that run out by themselves; central away: trust runs out, onLost, and the terms are taken
// anew (as new ones) when it is back.
import { repeat } from '../lifecycle/retry.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import type { Connection } from '../postgres/connection.ts';
import { type Assignment, assign, type Resource } from './assignment.ts';
import { BeatPace } from './beat-pace.ts';
import { type ClockDifference, withClock } from './clock-difference.ts';
import {
  type BeatAnswer,
  endPredecessor,
  type HeldTerm,
  leaseBeat,
  leaseLeave,
  type MemberFacts,
  type Predecessor,
} from './lease-queries.ts';
import { Orphans } from './orphans.ts';
import { isSameTerm, isTrusted, type Term, type Trust, trustEndMs } from './term.ts';

export interface LeaseKeeperOptions {
  readonly member: MemberFacts;
  /** Opens the keeper's own connection to central; called again after it broke. */
  readonly open: () => Promise<Connection>;
  /** The resources there are now; called at every look at the standings. */
  readonly resources: () => readonly Resource[];
  /** Stored with the member, for people and `lag`. */
  readonly details?: () => Readonly<Record<string, unknown>>;
  /** How long a lease lasts without a beat. */
  readonly ttlMs: number;
  readonly adoptAfterMs: () => number;
  /** Between beats while anything changes; default: a second, as it is while nothing does. */
  readonly beatMs?: number;
  /** What central says with each beat beside the leases. */
  readonly onAnswer?: (answer: Pick<BeatAnswer, 'asked' | 'pools'>) => void;
  /** A term began: the work for the resource may begin. `takenFrom`: another member held it, and was silent. */
  readonly onTaken: (term: Term, how: { readonly takenFrom: string | undefined }) => void;
  /** Stop the work for the resource; resolves when it has ended, and only then the lease is let go. */
  readonly onRelease: (term: Term) => Promise<void>;
  /** The term ended without our doing: stop at once. */
  readonly onLost: (term: Term, reason: LossReason) => void;
  /** A beat failed; it is tried again. */
  readonly onTrouble?: (error: unknown) => void;
}

export type LossReason = 'ran-out' | 'taken-over';

const NOTHING: Assignment = { take: [], maxNew: 0, release: [] };

export class LeaseKeeper implements WatchedService {
  readonly name = 'lease keeper';
  readonly #options: LeaseKeeperOptions;
  readonly #pace: BeatPace;
  readonly #terms = new Map<string, Term>();
  /** Being let go: 'ending' while the work ends, 'ended' when the next beat may say so. */
  readonly #leaving = new Map<string, 'ending' | 'ended'>();
  readonly #stopped = new AbortController();
  readonly #startedMs = performance.now();
  #connection: Connection | undefined;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #watch: NodeJS.Timeout | undefined;
  #pause = new AbortController();
  #isHurried = false;
  #plan: Assignment = NOTHING;
  readonly #orphans = new Orphans();
  #beats = 0;
  #clock: ClockDifference | undefined;
  turns = 0;
  #isAbandoned = false;
  #ended: Promise<void> | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    const { beatMs = TIMING.leases.beatMs, ttlMs } = options;
    this.#pace = new BeatPace({ beatMs, ttlMs }, this.#startedMs);
  }

  /** The terms that are held, as far as one can trust them now. */
  get held(): readonly Term[] {
    return this.#isTrusted() ? [...this.#terms.values()] : [];
  }

  holds(resource: string): boolean {
    return this.#terms.has(resource) && this.#isTrusted();
  }

  /** Ms since central last answered a beat; undefined: it never did. */
  get silentMs(): number | undefined {
    return this.#beats === 0 ? undefined : performance.now() - this.#renewedAtMs;
  }

  run(): Promise<void> {
    this.#ended ??= this.#run();
    return this.#ended;
  }

  /** The resources have changed: looks at once, and takes at once. */
  hurry(): void {
    this.#isHurried = true;
    this.#pause.abort();
  }

  /** Ends the work for all resources held, lets go of them, leaves. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#pause.abort();
    await this.#ended;
  }

  /** Ends without letting go: the leases run out. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#stopped.abort();
    this.#pause.abort();
    clearTimeout(this.#watch);
    for (const term of [...this.#terms.values()]) this.#lose(term, 'ran-out');
    this.#dropConnection(undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    await repeat(() => this.#turn(), {
      backoff: TIMING.leases.trouble,
      signal,
      onFailure: (error) => {
        this.#options.onTrouble?.(error);
        this.#dropConnection(error);
      },
    });
    await this.#leave();
  }

  async #turn(): Promise<void> {
    this.turns += 1;
    const startedMs = performance.now();
    const isHurried = this.#isHurried;
    this.#isHurried = false;
    this.#pause = new AbortController();
    await this.#beatOnce();
    // At the start, and when there are more resources, a plan is carried out at once instead of with the next beat.
    const isEager = (this.#beats === 1 || isHurried) && this.#plan.take.length > 0;
    const { take, soon = [] } = this.#plan;
    if (isHurried || this.#leaving.size + take.length + soon.length > 0) this.#pace.moves(startedMs);
    if (isEager || this.#stopped.signal.aborted) return;
    await wait(this.#pace.everyMs(startedMs) - (performance.now() - startedMs), this.#pause.signal);
  }

  async #beatOnce(): Promise<void> {
    const { details, member, onAnswer, ttlMs } = this.#options;
    const timeoutMs = Math.max(500, Math.min(5_000, ttlMs / 3));
    this.#connection ??= await this.#options.open();
    const connection = this.#connection;
    const release = [...this.#leaving].filter(([, state]) => state === 'ended').map(([name]) => name);
    const beat = {
      ttlMs,
      wanted: [...this.#plan.take, ...(this.#plan.soon ?? [])].filter((name) => !this.#leaving.has(name)),
      maxNew: this.#plan.maxNew,
      release,
      details: { ...details?.(), clock: this.#clock },
    };
    const resources = this.#options.resources();
    const names = resources.map(({ name }) => name);
    const startedMs = performance.now();
    const { answer, clock } = await withClock(() =>
      leaseBeat(connection, member, { beat, resources: names, timeoutMs }),
    );
    this.#clock = clock;
    this.#beats += 1;
    for (const name of release) {
      this.#leaving.delete(name);
      this.#terms.delete(name);
    }
    await this.#settle(answer.held, startedMs, connection);
    onAnswer?.(answer);
    this.#look(answer, resources);
  }

  /** Makes our terms those that the server says we hold, and reports the differences. */
  async #settle(held: readonly HeldTerm[], startedMs: number, connection: Connection): Promise<void> {
    const now = new Map(held.map((term) => [term.resource, term]));
    for (const term of [...this.#terms.values()]) {
      if (!isSameTerm(now.get(term.resource), term)) this.#lose(term, 'taken-over');
    }
    this.#renewedAtMs = startedMs;
    this.#watchTrust();
    for (const { predecessor, isNew: _isNew, ...term } of held) {
      if (this.#terms.has(term.resource) || this.#stopped.signal.aborted) continue;
      if (predecessor !== undefined) await this.#endPredecessor(connection, predecessor);
      this.#terms.set(term.resource, term);
      this.#orphans.taken(term.resource);
      const { id } = this.#options.member;
      this.#options.onTaken(term, {
        takenFrom: predecessor?.holder === id ? undefined : predecessor?.holder,
      });
    }
  }

  /** Where our role may not end the backend, positions and tokens keep it from doing harm. */
  async #endPredecessor(connection: Connection, predecessor: Predecessor): Promise<void> {
    try {
      await endPredecessor(connection, predecessor);
    } catch (error) {
      this.#options.onTrouble?.(error);
    }
  }

  #look({ members, holdings }: BeatAnswer, resources: readonly Resource[]): void {
    const adoptAfterMs = this.#options.adoptAfterMs();
    const nowMs = performance.now();
    const standings = { me: this.#options.member.id, resources, members, holdings, adoptAfterMs };
    this.#orphans.look({ ...standings, nowMs });
    this.#plan = assign({ ...standings, watchingMs: nowMs - this.#startedMs, orphans: this.#orphans });
    for (const name of this.#plan.release) this.#beginRelease(name);
  }

  #beginRelease(name: string): void {
    const term = this.#terms.get(name);
    if (term === undefined || this.#leaving.has(name)) return;
    this.#leaving.set(name, 'ending');
    void this.#options
      .onRelease(term)
      .catch((error) => this.#options.onTrouble?.(error))
      .then(() => {
        if (isSameTerm(this.#terms.get(name), term)) this.#leaving.set(name, 'ended');
        else this.#leaving.delete(name);
        // Another member waits for it: the next beat says so now.
        if (![...this.#leaving.values()].includes('ending')) this.#pause.abort();
      });
  }

  #lose(term: Term, reason: LossReason): void {
    this.#terms.delete(term.resource);
    if (this.#leaving.get(term.resource) === 'ended') this.#leaving.delete(term.resource);
    this.#options.onLost(term, reason);
  }

  #isTrusted(): boolean {
    return this.#beats > 0 && isTrusted(this.#trust(), performance.now());
  }

  #trust(): Trust {
    const { ttlMs } = this.#options;
    return { renewedAtMs: this.#renewedAtMs, ttlMs, marginMs: Math.min(2_000, ttlMs / 5) };
  }

  #watchTrust(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(
      () => {
        for (const term of [...this.#terms.values()]) this.#lose(term, 'ran-out');
      },
      Math.max(0, trustEndMs(this.#trust()) - performance.now()),
    );
  }

  #dropConnection(error: unknown): void {
    this.#connection?.destroy(error instanceof Error ? error : undefined);
    this.#connection = undefined;
  }

  async #leave(): Promise<void> {
    if (this.#isAbandoned) return this.#dropConnection(undefined);
    for (const name of this.#terms.keys()) this.#beginRelease(name);
    // Beats go on while the work ends: if the lease ran out meanwhile, two would be at work.
    while ([...this.#leaving.values()].includes('ending') && !this.#isAbandoned) {
      this.turns += 1;
      this.#plan = NOTHING;
      const startedMs = performance.now();
      await this.#beatOnce().catch((error) => {
        this.#options.onTrouble?.(error);
        this.#dropConnection(error);
      });
      await this.#untilBeatOrEnd(this.#pace.everyMs(startedMs) - (performance.now() - startedMs));
    }
    clearTimeout(this.#watch);
    this.#terms.clear();
    if (this.#isAbandoned) return this.#dropConnection(undefined);
    try {
      this.#connection ??= await this.#options.open();
      await leaseLeave(this.#connection, this.#options.member.id);
    } catch (error) {
      // The leases run out by themselves.
      this.#options.onTrouble?.(error);
    }
    await this.#connection?.close();
  }

  async #untilBeatOrEnd(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs && [...this.#leaving.values()].includes('ending'))
      await wait(Math.min(20, ms));
  }
}
