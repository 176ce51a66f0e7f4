// What the holder of `upkeep:central` does for central, as one service: ticks, rotation and retries; delayed events; schedules.
import { CentralLink } from '../central/central-link.ts';
import type { Config } from '../config/config.ts';
import { workName } from '../config/worked.ts';
import { DelayedDelivery } from '../delays/delivery.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { groupName } from '../queue/names.ts';
import { ScheduleClock } from '../schedules/schedule-clock.ts';
import { CENTRAL_RESOURCE, CentralUpkeep, type CentralUpkeepOptions } from '../upkeep/central-upkeep.ts';
import { type Duty, DutyLoop } from './duty-loop.ts';

export type CentralDutiesOptions = Pick<CentralUpkeepOptions, 'onTrouble' | 'onRotation'>;

export class CentralDuties implements WatchedService {
  /** Whose holder it belongs to. */
  static readonly resource = CENTRAL_RESOURCE;
  readonly name = 'central upkeep';
  readonly #parts: readonly DutyLoop[];

  constructor(config: Config, { onTrouble, onRotation }: CentralDutiesOptions) {
    const { queues } = config;
    const worked = queues.flatMap(({ name, groups = [] }) =>
      groups.map((group) => ({ name: workName(name, group.name), deadMs: group.deadMs })),
    );
    // A connection each: a rotation that waits keeps no event from its time.
    const loop = (purpose: string, make: (link: CentralLink) => Duty) => {
      const link = new CentralLink(config, purpose);
      return new DutyLoop(link, make(link));
    };
    this.#parts = [
      loop(
        'upkeep',
        (link) =>
          new CentralUpkeep(link, { queues, onTrouble, onRotation, worked, group: groupName(config) }),
      ),
      loop('delayed', (link) => new DelayedDelivery(link, { queues, onTrouble })),
      ...(config.schedules.length === 0
        ? []
        : [loop('schedules', (link) => new ScheduleClock(link, { config, onTrouble }))]),
    ];
  }

  /** Of each part: one that hangs is seen. */
  get turns(): readonly number[] {
    return this.#parts.flatMap(({ turns }) => turns);
  }

  async run(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.run()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.stop()));
  }

  abandon(): void {
    for (const part of this.#parts) part.abandon();
  }
}
