// What the demo shows while the shop is open: the counts at both ends, and the lag, as `tributary lag` shows it.
import { LagReader } from '../../observability/lag/reader.ts';
import { DEFAULT_MAX_SECONDS } from '../../observability/lag/report.ts';
import { lagText } from '../terminal/lag-table.ts';
import { table, widthOf } from '../terminal/output.ts';
import type { Installed } from './stage.ts';

/** With more, only those that are not healthy. */
const MOST_SHARDS = 12;
const PATIENCE_MS = 800;

export class DemoFigures {
  readonly #installed: Installed;
  readonly #reader: LagReader;

  constructor(installed: Installed) {
    this.#installed = installed;
    this.#reader = new LagReader(installed.config);
  }

  async text(): Promise<string> {
    const { stage, config, ledger } = this.#installed;
    const [counts, report] = await Promise.all([
      ledger.counts(),
      this.#reader.read({ patienceMs: PATIENCE_MS }),
    ]);
    const width = widthOf(stage.context.stdout);
    const ends = table(
      [
        { title: 'events of', value: ([queue]) => queue },
        { title: 'committed on shards', value: ([, { committed }]) => committed },
        { title: 'handled in central', value: ([, { handled }]) => handled },
      ],
      [...counts],
      { width },
    );
    const lag = lagText(report, {
      by: config.shards.length > MOST_SHARDS ? undefined : 'shard',
      maxSeconds: DEFAULT_MAX_SECONDS,
      width,
    });
    return `${ends}\n${lag}`;
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }
}
