// The leases of this host: its slots, and perhaps the upkeep of central.
//
// Invariant: a slot's lease goes only when the slot is empty, central's upkeep ends with its lease.
import { randomUUID } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import { LeaseKeeper } from '../../coordination/keeper.ts';
import type { WantedWorkers } from '../../coordination/worker-pool.ts';
import type { FileReport } from '../../fleet/file-requests.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { SeenLoop } from '../../lifecycle/watchdog.ts';
import { Connection } from '../../postgres/connection.ts';
import { CENTRAL_RESOURCE } from '../../upkeep/central-upkeep.ts';
import { CentralDuty } from './central-duty.ts';
import { slotOf, slotResource } from './slot/slot-names.ts';
import type { WantedSlot } from './slot/slots.ts';

export interface SlotLeasesOptions {
  /** Always the newest one. */
  readonly config: Config;
  /** Name of this machine, for people. */
  readonly host: string;
  readonly version: string | undefined;
  /** Central queues that this host works on now. */
  queues(): readonly string[];
  /** All wanted slots, over all hosts. */
  wanted(): readonly WantedSlot[];
  /** Sent to central with each beat. */
  details(): Readonly<Record<string, unknown>>;
  /** What is reported of the file, with each beat. */
  readonly file: FileReport | undefined;
  /** How many workers are wanted, with each beat. */
  onNumbers(pools: readonly WantedWorkers[]): void;
  onTaken(slot: string, how: { readonly isTakeOver: boolean }): void;
  /** Empties the slot; its lease goes when this resolves. */
  onRelease(slot: string): Promise<void>;
  /** Another host may have it by now. */
  onLost(slot: string): void;
  onTrouble(error: unknown): void;
}

export class SlotLeases {
  readonly #keeper: LeaseKeeper;
  readonly #duty: CentralDuty;

  constructor(options: SlotLeasesOptions) {
    this.#duty = new CentralDuty({ config: options.config, onTrouble: options.onTrouble });
    this.#keeper = this.#newKeeper(options);
  }

  /** Resolves when it was stopped and all leases are let go. */
  async run(): Promise<void> {
    await this.#keeper.run();
    await this.#duty.end();
  }

  /** Releases every slot, then leaves. */
  async stop(): Promise<void> {
    await this.#keeper.stop();
  }

  /** Ends without letting go: the leases run out. */
  abandon(): void {
    this.#keeper.abandon();
  }

  /** The wanted slots have changed: looks at once. */
  hurry(): void {
    this.#keeper.hurry();
  }

  /** What is done for central, if this host does it, is done by the newest configuration from now on. */
  renewDuty(): void {
    void this.#duty.renew();
  }

  holds(slot: string): boolean {
    return this.#keeper.holds(slotResource(slot));
  }

  get holdsCentral(): boolean {
    return this.#keeper.holds(CENTRAL_RESOURCE);
  }

  /** For those who look whether they turn. */
  get loops(): readonly SeenLoop[] {
    return [this.#keeper, ...this.#duty.loops];
  }

  #newKeeper(options: SlotLeasesOptions): LeaseKeeper {
    const { config, host, version } = options;
    const isCentral = (resource: string) => resource === CENTRAL_RESOURCE;
    return new LeaseKeeper({
      member: {
        id: randomUUID(),
        kind: 'work',
        host,
        fileHash: () => config.hash,
        serves: () => options.queues(),
        ...(version === undefined ? {} : { version }),
      },
      open: () => Connection.open(config.central, { applicationName: `tributary leases ${config.name}` }),
      resources: () => [
        ...options.wanted().map(({ slot, queue }) => ({ name: slotResource(slot), group: queue })),
        { name: CENTRAL_RESOURCE, isApart: true },
      ],
      details: () => ({ ...options.details(), file: options.file?.stand }),
      ttlMs: TIMING.leases.leaseMs,
      adoptAfterMs: () => 0,
      beatMs: TIMING.leases.workerBeatMs,
      onAnswer: ({ asked, pools }) => {
        options.file?.noteAsked(asked);
        options.onNumbers(pools);
      },
      onTaken: ({ resource }, { takenFrom }) =>
        isCentral(resource)
          ? this.#duty.begin()
          : options.onTaken(slotOf(resource), { isTakeOver: takenFrom !== undefined }),
      onRelease: ({ resource }) =>
        isCentral(resource) ? this.#duty.end() : options.onRelease(slotOf(resource)),
      onLost: ({ resource }) =>
        isCentral(resource) ? void this.#duty.end() : options.onLost(slotOf(resource)),
      onTrouble: (error) => options.onTrouble(error),
    });
  }
}
