// The workers of this host: as many processes as there are slots it holds by lease, over all its queues.
//
// Invariant: the pool holds no state that matters: slots are leases, batches are rows; whatever process dies, others go on.
// Order of a round: heartbeats of the batches at hand · fill what is held and wanted, as the leases' beats say, empty the rest.
// Order of stopping: workers drain while heartbeats and leases go on; then the leases go; then the connections.
import { CentralLink } from '../../central/central-link.ts';
import type { Config } from '../../config/config.ts';
import type { Service } from '../../lifecycle/service.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import { coopHandBack } from '../../queue/coop.ts';
import { FileNumbers } from './file-numbers.ts';
import { Heartbeat } from './heartbeat.ts';
import { Notifications } from './notifications.ts';
import type { OnWorkerOccurrence, WorkerOccurrence } from './occurrence.ts';
import { Priorities } from './priorities.ts';
import { RollingRestart } from './rolling-restart.ts';
import { slotsOf } from './slot/slot-names.ts';
import { Slots, type WantedSlot } from './slot/slots.ts';
import type { StopOptions } from './slot/stopping.ts';
import { SlotLeases, type SlotLeasesOptions } from './slot-leases.ts';
import { groupsOf } from './start-message.ts';
import { TroubleReports } from './trouble-reports.ts';
import { waitForCentral } from './wait-for-central.ts';
import { WorkedConfig, type WorkedConfigOptions } from './worked-config.ts';

export interface WorkerPoolOptions extends WorkedConfigOptions {
  readonly version?: string;
  readonly onOccurrence: OnWorkerOccurrence;
  readonly file?: SlotLeasesOptions['file'];
  /** Time for batches to finish when the pool stops; default 20 s, and 5 s after the handlers' signals. */
  readonly stopping?: StopOptions;
}

export class WorkerPool implements Service {
  readonly name = 'workers';
  readonly #options: WorkerPoolOptions;
  readonly #work: WorkedConfig;
  readonly #numbers: FileNumbers;
  readonly #control: CentralLink;
  readonly #heartbeat: Heartbeat;
  readonly #priorities: Priorities;
  readonly #rollingRestart = new RollingRestart();
  readonly #notifications: Notifications;
  readonly #leases: SlotLeases;
  readonly #slots: Slots;
  readonly #wanted = new Map<string, number>();
  /** Slots whose terms end at the next beat. */
  readonly #leaving = new Set<string>();
  readonly #parked = new TroubleReports({ begins: 'queue-parked', ends: 'queue-unparked' }, (one) =>
    this.#report(one),
  );
  readonly #heldBack = new TroubleReports({ begins: 'queue-held-back', ends: 'queue-released' }, (one) =>
    this.#report(one),
  );
  readonly #stopped = new AbortController();
  readonly #ended = new AbortController();
  #poked = new AbortController();
  #isRunning = false;
  #turns = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#work = new WorkedConfig(options);
    this.#control = new CentralLink(options.config, 'workers');
    this.#numbers = new FileNumbers({
      ...{ config: this.#work.live, control: this.#control },
      onOtherNumber: (other) => this.#report({ kind: 'other-number', ...other }),
    });
    this.#heartbeat = new Heartbeat(this.#control, () => groupsOf(options.config, this.#work.queues));
    this.#priorities = new Priorities(this.#work.queues);
    this.#slots = new Slots({
      startOf: (wanted) => this.#work.startOf(wanted),
      recycleOf: (queue) => this.#work.queues.get(queue)?.recycle ?? {},
      generationOf: (queue) => this.#rollingRestart.generationOf(queue),
      // A worker that we ended ourselves: this opening of its batch must not count.
      onAbandoned: (token) =>
        void this.#control.use((connection) => coopHandBack(connection, token)).catch(() => {}),
      onOccurrence: (occurrence) => {
        options.onOccurrence(occurrence);
        if (occurrence.kind === 'worker-ready') this.#leases.hurry();
      },
    });
    this.#notifications = new Notifications(options.config.central, {
      applicationName: `tributary notifications ${options.config.name}`,
      onTick: (queue) => {
        for (const name of this.#work.namesOf(queue)) this.#slots.wake(name);
      },
      onScale: () => this.#leases.hurry(),
      onListening: () => {
        for (const name of this.#work.names) this.#slots.wakeAll(name);
      },
    });
    this.#leases = this.#newLeases();
  }

  /**
   * Works until stopped; central is waited for.
   * @throws misconfigured where central is not installed, is another installation's, or refuses us for good.
   */
  async run(): Promise<void> {
    if (!(await this.#begin())) return;
    let isHolding = true;
    this.#isRunning = true;
    const holding = this.#leases.run().finally(() => {
      isHolding = false;
      this.#poked.abort();
    });
    const listening = this.#notifications.run();
    const tending = setInterval(() => this.#tend(), TIMING.pool.roundMs);
    while (isHolding) {
      this.#poked = new AbortController();
      await this.#round();
      this.#turns += 1;
      if (isHolding) await wait(TIMING.pool.roundMs, this.#poked.signal);
    }
    clearInterval(tending);
    this.#isRunning = false;
    await this.#notifications.stop();
    await Promise.all([holding, listening]);
    await this.#control.close();
    this.#ended.abort();
  }

  async #begin(): Promise<boolean> {
    let isBegun = false;
    try {
      isBegun = await waitForCentral(this.#control, {
        config: this.#options.config,
        queues: [...this.#work.queues.values()],
        signal: this.#stopped.signal,
        onTrouble: (error) => this.#report({ kind: 'pool-trouble', error }),
        onOtherNumber: (other) => this.#report({ kind: 'other-number', ...other }),
      });
    } finally {
      if (!isBegun) await this.#control.close();
    }
    return isBegun;
  }

  /** Its loops, for those who look whether they turn; none before it has begun. */
  get loops(): SlotLeases['loops'] {
    return this.#isRunning ? [{ name: 'care of workers', turns: this.#turns }, ...this.#leases.loops] : [];
  }

  /** Whether this host looks after central now, as far as it can be sure. */
  get holdsCentral(): boolean {
    return this.#leases.holdsCentral;
  }

  /** The queues that it works on now. */
  get queues(): readonly string[] {
    return this.#work.names;
  }

  /** The workers of each queue: how many are up, and how many of them have a batch. */
  get load(): ReturnType<Slots['load']> {
    return this.#slots.load(this.#work.names);
  }

  /** Drains: the batches at hand are finished, within limits. */
  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    void this.#cutOff();
    // Ends the work in all slots held, by onRelease.
    await this.#leases.stop();
  }

  /** After the last worker has ended, a central that does not answer is not waited for. */
  async #cutOff(): Promise<void> {
    const { signal } = this.#ended;
    while (this.#slots.all.length > 0) await wait(TIMING.pool.endingMs);
    await wait(TIMING.pool.goodbyeMs, signal);
    if (signal.aborted) return;
    this.#leases.abandon();
    this.#control.abandon();
  }

  /** Ends without waiting for anything: the batches at hand are handed out again. */
  async stopNow(): Promise<void> {
    const stopping = this.stop();
    for (const slot of this.#slots.all) slot.kill();
    await stopping;
  }

  /** Replaces the workers of this host by new processes, one slot at a time. */
  renew(): void {
    this.#rollingRestart.wantAnew(this.#work.queues.keys());
  }

  /** Takes the next configuration over. Workers whose settings or handler are others are begun anew, one slot at a time. */
  apply(next: Config): void {
    const { anew, gone, renumbered, hasOtherDuties } = this.#work.apply(next);
    if (hasOtherDuties) this.#leases.renewDuty();
    for (const queue of gone) this.#wanted.delete(queue);
    this.#rollingRestart.wantAnew(anew);
    this.#numbers.changed(renumbered);
    this.#fill();
    this.#leases.hurry();
    this.#poked.abort();
  }

  #newLeases(): SlotLeases {
    const { file, host, version } = this.#options;
    return new SlotLeases({
      config: this.#work.live,
      host,
      version,
      queues: () => this.#work.names,
      wanted: () => this.#wantedSlots(),
      details: () => ({
        ...this.#slots.details(this.#work.names),
        ...this.#rollingRestart.of(this.#slots.all),
      }),
      file,
      onNumbers: (pools) => this.#take(pools),
      onTaken: (slot, { isTakeOver }) => {
        const queue = slot.slice(0, slot.lastIndexOf('#'));
        if (isTakeOver) this.#report({ kind: 'slot-taken-over', queue, slot });
        this.#leaving.delete(slot);
        this.#fill();
      },
      onRelease: async (slot) => {
        this.#leaving.add(slot);
        await this.#slots.empty(
          slot,
          this.#stopped.signal.aborted
            ? (this.#options.stopping ?? TIMING.slots.stopping)
            : TIMING.slots.lettingGo,
        );
      },
      onLost: (slot) => void this.#slots.empty(slot, TIMING.slots.lost),
      onTrouble: (error) => this.#report({ kind: 'pool-trouble', error }),
    });
  }

  #wantedSlots(): WantedSlot[] {
    return [...this.#wanted].flatMap(([queue, wanted]) =>
      slotsOf(queue, wanted).map((slot) => ({ slot, queue })),
    );
  }

  async #round(): Promise<void> {
    try {
      await this.#heartbeat.beat(this.#slots.all);
    } catch (error) {
      // Running workers go on.
      this.#report({ kind: 'pool-trouble', error });
    }
    if (!this.#stopped.signal.aborted) this.#fill();
    this.#parked.report(this.#slots.parked);
    this.#heldBack.report(this.#slots.heldBack);
  }

  /** Looks after the processes; not in the rounds, which wait for central. */
  #tend(): void {
    for (const slot of this.#slots.all) {
      if (this.#leases.holds(slot.name)) slot.renew();
      slot.checkSilence();
    }
    this.#priorities.apply(this.#slots.all);
    if (!this.#stopped.signal.aborted) this.#rollingRestart.runOnce(this.#slots.all);
  }

  #take(pools: Parameters<SlotLeasesOptions['onNumbers']>[0]): void {
    if (this.#stopped.signal.aborted) return;
    for (const { queue, wanted, generation } of pools) {
      if (!this.#work.queues.has(queue)) continue;
      this.#rollingRestart.want(queue, generation);
      const before = this.#wanted.get(queue);
      this.#wanted.set(queue, wanted);
      if (before !== undefined && before !== wanted)
        this.#report({ kind: 'pool-scaled', queue, wanted, before });
      if (before === wanted) continue;
      this.#leases.hurry();
      this.#poked.abort();
    }
    void this.#numbers.settle(pools).catch((error) => this.#report({ kind: 'pool-trouble', error }));
  }

  /** Level-triggered: slots held and wanted are filled, slots not wanted are emptied before the keeper asks for it. */
  #fill(): void {
    if (this.#stopped.signal.aborted) return;
    const wanted = this.#wantedSlots();
    this.#slots.fill(wanted.filter(({ slot }) => this.#leases.holds(slot) && !this.#leaving.has(slot)));
    const names = new Set(wanted.map(({ slot }) => slot));
    for (const { name } of this.#slots.all)
      if (!names.has(name)) void this.#slots.empty(name, TIMING.slots.lettingGo);
  }

  #report(occurrence: WorkerOccurrence): void {
    this.#options.onOccurrence(occurrence);
  }
}
