// What central's view alone shows to be wrong: no shard is asked. Cheap enough for once a second: beyond the report of lag,
// central is asked a little more every few seconds.
//
// Invariant: a look never waits for central; what is not read yet, or cannot be read, is left out.
import type { Config } from '../../config/config.ts';
import { workedIn } from '../../config/worked.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { CentralAccess } from '../lag/reader.ts';
import type { LagReport } from '../lag/report.ts';
import { diagnosis } from './causes.ts';
import { type Diagnosis, worstFirst } from './diagnosis.ts';
import type { CentralHealth } from './facts.ts';
import { databaseDiagnoses } from './judge-databases.ts';
import { healthDiagnoses } from './judge-health.ts';
import { queueDiagnoses } from './judge-queues.ts';
import { sourceDiagnoses } from './judge-sources.ts';
import { readCentralHealth } from './read-central.ts';
import { heldByReports } from './visits/plan.ts';

export class CentralDoctor {
  readonly #config: Config;
  readonly #access: Pick<CentralAccess, 'use'>;
  #health: CentralHealth | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #isAsking = false;

  /** @param access to central, shared with others; not closed here. */
  constructor(config: Config, access: Pick<CentralAccess, 'use'>) {
    this.#config = config;
    this.#access = access;
  }

  /** What is wrong by this report and by what central said last, the worst first. */
  look(report: LagReport): Diagnosis[] {
    this.#refresh();
    const health = this.#health;
    const plain = diagnosesOf(report, this.#config);
    if (health === undefined) return plain;
    return worstFirst(
      databaseDiagnoses([health.database, ...heldByReports(this.#config.shards, health.reports)], {
        known: [...plain, ...healthDiagnoses(health, report.sources)],
        config: this.#config,
      }),
    );
  }

  /** Asks central now. @throws what the driver throws. */
  async read(): Promise<CentralHealth> {
    this.#health = await this.#access.use((central) => readCentralHealth(central, this.#config));
    return this.#health;
  }

  #refresh(): void {
    const nowMs = performance.now();
    if (this.#isAsking || nowMs - this.#askedMs < TIMING.doctor.centralEveryMs) return;
    this.#askedMs = nowMs;
    this.#isAsking = true;
    // That central does not answer, the report says.
    this.read()
      .catch(() => {
        this.#health = undefined;
      })
      .finally(() => {
        this.#isAsking = false;
      });
  }
}

/** From a report alone, the worst first. Pure. */
export function diagnosesOf(report: LagReport, { queues }: Pick<Config, 'queues'>): Diagnosis[] {
  const { at, sources, central, filesDiffer } = report;
  return worstFirst([
    ...sourceDiagnoses(sources),
    ...queueDiagnoses(central, { queues: workedIn({ queues }), at }),
    ...(filesDiffer === undefined
      ? []
      : [diagnosis('files-differ', ['hosts'], { severity: 'risk', sentence: filesDiffer })]),
  ]);
}
