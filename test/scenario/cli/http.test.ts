// `start`, `mover` and `work` serve how they are: alive, ready, and figures that Prometheus takes.
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { givenInstalledHosts, givenTransactions } from '../../support/installation/installed-hosts.ts';
import { runTributary, startTributary, type TestProcess } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';

const SERVING = /serving (http:\S+)\/livez/;

async function urlOf(served: TestProcess): Promise<string> {
  return SERVING.exec(await served.waitForLine(SERVING))?.[1] ?? '';
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: { readonly reasons?: readonly { readonly of: string; readonly sentence: string }[] };
}

async function ask(url: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url + path, { headers });
  const text = await response.text();
  return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : {} };
}

const untilReady = (url: string) =>
  until(async () => (await ask(url, '/readyz')).status === 200, { what: 'readiness', timeoutMs: 30_000 });

const untilNotReady = (url: string, sentence: RegExp) =>
  until(
    async () => {
      const { status, json } = await ask(url, '/readyz');
      return status === 503 && json.reasons?.some((reason) => sentence.test(reason.sentence));
    },
    { what: `a reason like ${sentence}`, timeoutMs: 30_000 },
  );

/** The value of a series as it is served; undefined: it is not there. */
function valueIn({ text }: Answer, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** What `promtool check metrics` finds fault with. */
function faultsOf(text: string): string {
  const { stderr, stdout, status } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

describe.skipIf(process.platform !== 'linux')('cli over http', () => {
  test('start is alive and ready, counts what it moved and handled, and only one host exports the metrics of central', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1, beta: 1 });
    appendFileSync(hosts.file, 'metrics: { per_source: true }\n');
    const begin = (host: string) =>
      startTributary(['-c', hosts.file, 'start', '--host', host, '--http', ':0']);
    const urls = await Promise.all(['alpha', 'beta'].map((host) => urlOf(begin(host))));
    await Promise.all(urls.map(untilReady));
    await givenTransactions(hosts.shards, 20);
    await until(async () => (await hosts.handled()) >= 60, { what: '60 handled events' });
    const scraped = async () => await Promise.all(urls.map((url) => ask(url, '/metrics')));
    const sum = (answers: readonly Answer[], series: string) =>
      answers.reduce((total, one) => total + (valueIn(one, series) ?? 0), 0);
    const done = 'tributary_handled_events_total{queue="orders",outcome="done"}';
    const moved = 'tributary_moved_events_total{queue="orders"}';
    const scrapes = await until(
      async () => {
        const answers = await scraped();
        const isCounted = sum(answers, done) >= 60 && sum(answers, moved) >= 60;
        const isUp = sum(answers, 'tributary_workers_up{queue="orders"}') === 2;
        return isCounted && isUp && sum(answers, 'tributary_central_exported') === 1 && answers;
      },
      { what: 'counters of all that was handled, both workers, and one exporter', timeoutMs: 30_000 },
    );
    expect(sum(scrapes, done)).toBe(60);
    expect(sum(scrapes, moved)).toBe(60);
    expect(sum(scrapes, 'tributary_handler_duration_seconds_count{queue="orders"}')).toBe(60);
    for (const stage of ['to_central', 'to_handled', 'whole'])
      expect(sum(scrapes, `tributary_delivery_duration_seconds_count{queue="orders",stage="${stage}"}`)).toBe(
        60,
      );
    expect(sum(scrapes, 'tributary_round_duration_seconds_count')).toBeGreaterThan(0);
    expect(sum(scrapes, 'tributary_shards_held')).toBe(2);
    expect(sum(scrapes, 'tributary_workers_up{queue="orders"}')).toBe(2);
    expect(sum(scrapes, 'tributary_commit_duration_seconds_count{queue="orders"}')).toBeGreaterThan(0);
    const central = scrapes.filter(({ text }) => text.includes('tributary_sources{'));
    expect(central).toHaveLength(1);
    const [exporter] = central as [Answer];
    expect(valueIn(exporter, 'tributary_central_exported')).toBe(1);
    expect(valueIn(exporter, 'tributary_sources{state="idle"}')).toBeDefined();
    expect(valueIn(exporter, 'tributary_dead_events{queue="orders"}')).toBe(0);
    expect(valueIn(exporter, 'tributary_source_moving{shard="s1",source_queue="orders"}')).toBe(1);
    for (const { text } of hasPromtool ? scrapes : []) expect(faultsOf(text)).toBe('');
    for (const role of ['start', 'mover'])
      expect(sum(scrapes, `tributary_process_resident_memory_bytes{role="${role}"}`)).toBeGreaterThan(1e7);
    expect((await Promise.all(urls.map((url) => ask(url, '/livez')))).map(({ status }) => status)).toEqual([
      200, 200,
    ]);
  });

  test('a halted source makes its host not ready, with the sentence of lag, and the other host stays ready', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1, beta: 1 });
    const [alpha = '', beta = ''] = await Promise.all(
      ['alpha', 'beta'].map((host) =>
        urlOf(startTributary(['-c', hosts.file, 'mover', '--host', host, '--http', ':0'])),
      ),
    );
    await Promise.all([alpha, beta].map(untilReady));
    await hosts.central.query(
      "select tributary.halt_source(id, 'diverged', 'It is halted by hand.') from tributary.source where shard = 's1'",
    );
    await untilNotReady(alpha, /^It is halted by hand\.$/);
    expect((await ask(beta, '/readyz')).status).toBe(200);
    expect((await ask(alpha, '/livez')).status).toBe(200);
  });

  test('work is ready while its queue is worked off, and not where its handler does not load', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 }, { handler: 'export default { event() {} };\n' });
    const url = await urlOf(startTributary(['-c', hosts.file, 'work', '--http', ':0']));
    await untilReady(url);
    const { text } = await ask(url, '/metrics');
    expect(text).toContain('tributary_workers_up{queue="orders"}');
    expect(text).not.toContain('tributary_moved_events_total');
    if (hasPromtool) expect(faultsOf(text)).toBe('');
  });

  test('a shard that answers rounds and is frozen in the middle of a COPY is told of as one that does not answer', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const text = readFileSync(hosts.file, 'utf8');
    const slow = `where: "ev_type <> 'frozen' or pg_sleep(15) is not null"`;
    writeFileSync(hosts.file, text.replace('./write.mjs', `./write.mjs, ${slow}`));
    // Only the clock of the COPY can say so.
    const env = { TRIBUTARY_TIMING: 'reports.silentMs=600000 reading.copyMs=600000' };
    const mover = startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', ':0'], { env });
    const url = await urlOf(mover);
    await untilReady(url);
    await hosts.shards[0]?.query("select pgq.insert_event('orders', 'frozen', '{}')");
    await untilNotReady(url, /^Shard s1 has not answered lately/);
  });

  test('without central no process is ready, and all are alive', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const url = await urlOf(startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', ':0']));
    await untilReady(url);
    await hosts.central.query('alter schema tributary rename to away');
    await untilNotReady(url, /not installed|another version/);
    expect((await ask(url, '/livez')).status).toBe(200);
    await hosts.central.query('alter schema away rename to tributary');
    await untilReady(url);
  });

  test('a forked mover that is frozen is not alive, and what it exported is gone', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const host = startTributary(['-c', hosts.file, 'start', '--host', 'alpha', '--http', ':0'], {
      env: { TRIBUTARY_TIMING: 'http.moverSilentMs=1500 http.moverFreshMs=1000' },
    });
    const url = await urlOf(host);
    await untilReady(url);
    const [mover] = await hosts.movers();
    process.kill(mover ?? 0, 'SIGSTOP');
    await until(async () => (await ask(url, '/livez')).status === 503, { what: 'the end of life' });
    expect((await ask(url, '/livez')).json.reasons?.[0]?.sentence).toBe(
      'No sign of life from the mover process: see the log.',
    );
    expect((await ask(url, '/metrics')).text).not.toContain('tributary_shards_held');
    process.kill(mover ?? 0, 'SIGCONT');
    await until(async () => (await ask(url, '/livez')).status === 200, { what: 'life' });
  });

  test('a loop that hangs once is restarted, and the process stays alive', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const host = startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', ':0'], {
      env: { TRIBUTARY_TIMING: 'watchdog.stillMs=7000', TRIBUTARY_FAIL_POINT: 'round:before=hang' },
    });
    const url = await urlOf(host);
    await host.waitForLine(/shard s1 took no turn for 7s and was started again/);
    expect((await ask(url, '/livez')).status).toBe(200);
    await untilReady(url);
  });

  test('with loops that hang again and again the process is not alive', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    // Shorter than what a loop that has nothing to do rests.
    const host = startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', ':0'], {
      env: { TRIBUTARY_TIMING: 'watchdog.stillMs=1000' },
    });
    const url = await urlOf(host);
    const { json } = await until(
      async () => {
        const answer = await ask(url, '/livez');
        return answer.status === 503 && answer;
      },
      { what: 'the end of life', timeoutMs: 30_000 },
    );
    expect(json.reasons?.[0]?.sentence).toMatch(/^No sign of life from \S.*: see the log\.$/);
  });

  test('on an address that others can reach nothing is served without a token in the file, nor to a request without it', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    for (const command of ['start', 'mover', 'work']) {
      const refused = await runTributary([
        '-c',
        hosts.file,
        command,
        '--host',
        'alpha',
        '--http',
        '0.0.0.0:0',
      ]);
      expect([command, refused.code]).toEqual([command, 2]);
      expect(refused.stderr).toMatch(
        /Nothing is served on 0\.0\.0\.0:0 without a token, because other machines reach it: give `http\.token` in the file, or listen on 127\.0\.0\.1\.$/,
      );
    }
    appendFileSync(hosts.file, 'http: { listen: "0.0.0.0:0", token: open-sesame, base: /shop }\n');
    const host = startTributary(['-c', hosts.file, 'start', '--host', 'alpha'], {
      env: { TRIBUTARY_LOG: 'trace' },
    });
    const url = (await urlOf(host)).replace('0.0.0.0', '127.0.0.1');
    expect(url).toMatch(/\/shop$/);
    for (const path of ['/livez', '/readyz', '/metrics', '/'])
      expect((await ask(url, path)).status).toBe(401);
    const authorization = 'Bearer open-sesame';
    expect((await ask(url, '/livez', { authorization })).status).toBe(200);
    expect((await ask(url, '/metrics', { authorization })).text).toContain('tributary_build_info{');
    host.kill('SIGTERM');
    expect(await host.exit).toEqual({ code: 0, signal: null });
    expect([...host.stderr, ...host.stdout].filter((line) => line.includes('open-sesame'))).toEqual([]);
  });

  test('a port that is in use is a sentence, and --no-http serves nothing', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const url = await urlOf(startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', ':0']));
    const { port } = new URL(url);
    const second = await runTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', `:${port}`]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(
      `Port ${port} on 127.0.0.1 is taken: name another one with --http, or serve nothing with --no-http.`,
    );
    const wrong = await runTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', 'x']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain(
      '--http must be a port or an address such as :7717 or 127.0.0.1:7717, not x.',
    );
    appendFileSync(hosts.file, `http: { listen: ":${port}" }\n`);
    const silent = startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--no-http']);
    await silent.waitForLine(/moving 1 shard/);
    silent.kill('SIGTERM');
    expect(await silent.exit).toEqual({ code: 0, signal: null });
    expect(silent.stderr.filter((line) => SERVING.test(line))).toEqual([]);
  });

  test('requests use at most two connections to central, which serve nothing else', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const url = await urlOf(startTributary(['-c', hosts.file, 'mover', '--host', 'alpha', '--http', ':0']));
    await untilReady(url);
    await Promise.all(Array.from({ length: 100 }, () => ask(url, '/readyz')));
    const [row] = await hosts.central.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where application_name like 'tributary http %' and datname = current_database()",
    );
    expect(row?.n).toBeGreaterThan(0);
    expect(row?.n).toBeLessThanOrEqual(2);
  });
});
