// The demo from beginning to end: databases, `tributary start`, a shop that produces, two accidents, and the proof.
//
// Invariant: whatever ends it, no process and no folder is left: each step registers its clean-up at once.
// Fails by: SIGKILL of this process; then the server's keeper and the closed channel of `start` do the same.
import { sentenceFor } from '../../errors/sentence.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { count } from '../terminal/output.ts';
import { draw, openHours, settled, staffed } from './open-hours.ts';
import type { DemoOptions } from './options.ts';
import { setUpDemo } from './set-up.ts';
import { Shop } from './shop/shop.ts';
import { type Installed, Stage } from './stage.ts';
import { Supervised } from './supervised.ts';
import { dashboardOf, toTry } from './to-try.ts';
import { isProved, proofSentence, proofTable } from './verdict.ts';

/** As in shards.yaml. */
const HOST = 'demo';
/** Share of the rate at which the shop goes on after the proof, for looking around. */
const KEPT_SHARE = 0.1;

/** @throws Exit where the proof fails or the demo is interrupted. */
export async function runDemo(options: DemoOptions, context: CliContext): Promise<void> {
  const stage = new Stage(context, options);
  let isHolding = false;
  try {
    const installed = await setUpDemo(stage);
    isHolding = await perform(installed);
    if (options.isKept) await keepRunning(installed);
  } catch (error) {
    stage.screen.keep();
    if (!context.signal.aborted) throw error;
    throw new Exit(EXIT.failed, 'Interrupted: the demo stops its processes and takes its folder away.');
  } finally {
    await stage.end();
  }
  if (!isHolding) throw new Exit(EXIT.failed);
}

/** @returns whether the proof holds. */
async function perform(installed: Installed): Promise<boolean> {
  const { stage, config, shop: page } = installed;
  const { screen, options } = stage;
  const workers = config.queues.map((queue) => `${queue.name} ${queue.workers}`).join(', ');
  screen.line(`Running \`tributary start --host ${HOST}\`: one mover, and workers: ${workers}.`);
  const supervised = startSupervised(installed);
  await staffed(installed);
  const dashboard = dashboardOf(config);
  if (dashboard !== undefined) screen.line(`The dashboard: ${dashboard}`);
  if (page !== undefined) screen.line(`The shop, whose orders become invoices as you look: ${page}/`);
  const rate = count(options.rate);
  screen.line(`The shop is open: about ${rate} events a second, inserted inside its business transactions.`);
  const shop = await openShop(installed, options.rate);
  await openHours(installed);
  screen.keep();
  screen.line('The shop is closed; what is on its way is moved and handled.');
  await stage.unlessStopped(shop.close());
  if (!(await settled(installed))) screen.line('Not everything came through, and nothing comes any more.');
  // After `stop` no process writes any more.
  if (!options.isKept) await stage.unlessStopped(supervised.stop());
  return await prove(installed);
}

function startSupervised({ stage, config }: Installed): Supervised {
  const supervised = new Supervised({
    file: config.file,
    host: HOST,
    env: stage.context.env,
    onSentence: (sentence) => stage.screen.line(`  start: ${sentence}`),
    onLost: (how) => stage.fail(new Exit(EXIT.failed, `\`tributary start\` ended by itself (${how}).`)),
  });
  stage.finally(() => supervised.stop());
  return supervised;
}

async function openShop({ stage, config }: Installed, eventsPerSecond: number): Promise<Shop> {
  const opening = Shop.open(config, {
    eventsPerSecond,
    onTrouble: (error) => stage.fail(new Exit(EXIT.failed, sentenceFor(error, 'The shop'))),
  });
  stage.finally(async () => (await opening).close());
  return await stage.unlessStopped(opening);
}

async function prove({ stage, ledger }: Installed): Promise<boolean> {
  const verdicts = await stage.unlessStopped(ledger.verdicts());
  stage.screen.line(`\nRead from all databases:\n\n${proofTable(verdicts)}\n${proofSentence(verdicts)}`);
  return isProved(verdicts);
}

/** Until a stop signal. */
async function keepRunning(installed: Installed): Promise<void> {
  const { stage, config } = installed;
  stage.screen.line(toTry(config, stage.context));
  await openShop(installed, stage.options.rate * KEPT_SHARE);
  await draw(installed, stage.signal);
  stage.screen.keep();
  if (!stage.context.signal.aborted) throw stage.signal.reason;
  stage.screen.line('Stopped: the demo ends its processes and takes its folder away.');
}
