// What the page shows now: one reading of central for all that look, or the last one with a sentence where central is silent.
//
// Invariant: it never throws, and shows nothing as new that is old.
import type { CentralPool } from '../../central/central-pool.ts';
import { readDeadRuns } from '../../central/logbook/dead-runs.ts';
import type { Config } from '../../config/config.ts';
import { readMembers } from '../../coordination/members.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { packageVersion } from '../../lifecycle/package-root.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { CentralDoctor } from '../../observability/doctor/central-doctor.ts';
import { readDelivered } from '../../observability/metrics/delivered.ts';
import { busyWorkers } from '../../queue/busy.ts';
import { groupName } from '../../queue/names.ts';
import type { LagView } from '../lag-view.ts';
import { emptyState, stateOf } from './build-state.ts';
import { layoutOf } from './layout.ts';
import type { DashboardState, Layout } from './state.ts';
import { Timetable } from './timetable.ts';

export interface ViewParts {
  readonly lag: Pick<LagView, 'report'>;
  readonly pool: Pick<CentralPool, 'use'>;
}

export class DashboardView {
  readonly #config: Config;
  readonly #lag: Pick<LagView, 'report'>;
  readonly #pool: Pick<CentralPool, 'use'>;
  readonly #doctor: CentralDoctor;
  readonly #timetable: Timetable;
  #last: DashboardState | undefined;

  constructor(config: Config, { lag, pool }: ViewParts) {
    this.#config = config;
    this.#lag = lag;
    this.#pool = pool;
    this.#doctor = new CentralDoctor(config, pool);
    this.#timetable = new Timetable(config);
  }

  /** As the file is now. */
  get layout(): Layout {
    return layoutOf(this.#config, packageVersion());
  }

  async state(): Promise<DashboardState> {
    try {
      const report = await this.#lag.report();
      const timeoutMs = TIMING.http.centralMs;
      const read = await this.#pool.use(async (central) => ({
        members: await readMembers(central, timeoutMs),
        busy: await busyWorkers(central, groupName(this.#config), timeoutMs),
        delivered: (await readDelivered(central, timeoutMs)).all,
        retries: await readDeadRuns(central, TIMING.http.runSilentMs, { timeoutMs }),
        schedules: await this.#timetable.read(central, report.at.getTime()),
      }));
      this.#last = stateOf({ ...read, report, diagnoses: this.#doctor.look(report) }, this.layout);
      return this.#last;
    } catch (error) {
      const stale = sentenceFor(error, 'Central');
      return this.#last === undefined ? emptyState(this.layout, stale) : { ...this.#last, stale };
    }
  }
}
