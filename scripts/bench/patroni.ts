// Two servers of Debian's PostgreSQL 15 under Patroni (`apt-get install patroni python3-pysyncobj`), which decides by itself which of
// them takes writes. Its store is its own Raft, among both and a third that only votes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { serverAccount } from '../../dist/embedded/account.js';
import { freePort } from '../../dist/embedded/port.js';
import type { Replicated } from './replicated.ts';

const BIN = '/usr/lib/postgresql/15/bin';
const PASSWORD = 'bench';
const SCOPE = 'bench';
const PATIENCE_MS = 120_000;

interface Node {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  readonly apiPort: number;
  readonly raftPort: number;
  process?: ChildProcess;
}

const addressOf = (port: number): string => `127.0.0.1:${port}`;

const configOf = ({ name, folder, port, apiPort, raftPort }: Node, all: readonly Node[]) => ({
  scope: SCOPE,
  name,
  restapi: { listen: addressOf(apiPort), connect_address: addressOf(apiPort) },
  raft: {
    data_dir: join(folder, 'raft'),
    self_addr: addressOf(raftPort),
    partner_addrs: all.filter((one) => one.name !== name).map((one) => addressOf(one.raftPort)),
  },
  bootstrap: {
    dcs: {
      // The shortest that it takes.
      ...{ ttl: 20, loop_wait: 1, retry_timeout: 3, synchronous_mode: true },
      postgresql: { use_pg_rewind: true, parameters: { max_connections: 300, wal_keep_size: '512MB' } },
    },
    initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums'],
    pg_hba: ['host all all 127.0.0.1/32 scram-sha-256', 'host replication all 127.0.0.1/32 scram-sha-256'],
  },
  postgresql: {
    ...{ listen: addressOf(port), connect_address: addressOf(port), bin_dir: BIN },
    ...{ data_dir: join(folder, 'data'), pgpass: join(folder, 'pgpass') },
    authentication: {
      superuser: { username: 'postgres', password: PASSWORD },
      replication: { username: 'replicator', password: PASSWORD },
      rewind: { username: 'rewinder', password: PASSWORD },
    },
    parameters: { unix_socket_directories: folder },
  },
});

export async function startPatroni(): Promise<Replicated> {
  const account = serverAccount();
  const root = mkdtempSync(join(tmpdir(), 'tributary-patroni-'));
  const own = (path: string) => {
    if (account !== undefined) chownSync(path, account.uid, account.gid);
  };
  own(root);
  const nodes: Node[] = [];
  for (const name of ['a', 'b', 'voter']) {
    const folder = join(root, name);
    mkdirSync(folder, { mode: 0o700 });
    own(folder);
    const [port, apiPort, raftPort] = [await freePort(), await freePort(), await freePort()];
    nodes.push({ name, folder, port, apiPort, raftPort });
  }
  const [a, b, voter] = nodes as [Node, Node, Node];
  const start = (node: Node, program = 'patroni') => {
    const log = openSync(join(root, `${node.name}.log`), 'a');
    node.process = spawn(program, [join(node.folder, 'patroni.yml')], {
      ...account,
      cwd: root,
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', HOME: root },
    });
  };
  for (const node of nodes) {
    const path = join(node.folder, 'patroni.yml');
    writeFileSync(path, stringify(configOf(node, nodes)), { mode: 0o600 });
    own(path);
    start(node, node === voter ? 'patroni_raft_controller' : 'patroni');
  }
  /** What Patroni of this node says of it; undefined: it does not answer. */
  const roleOf = async ({ apiPort }: Node): Promise<{ role: string; state: string } | undefined> => {
    try {
      const answer = await fetch(`http://${addressOf(apiPort)}/patroni`, {
        signal: AbortSignal.timeout(2_000),
      });
      return (await answer.json()) as { role: string; state: string };
    } catch {
      return undefined;
    }
  };
  const isLeader = async (node: Node): Promise<boolean> => (await roleOf(node))?.role === 'master';
  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    const endMs = performance.now() + PATIENCE_MS;
    while (!(await condition())) {
      if (performance.now() > endMs)
        throw new Error(
          `Patroni: no ${what}.\n${[a, b].map(({ name }) => readFileSync(join(root, `${name}.log`), 'utf8').slice(-1_500)).join('\n')}`,
        );
      await pause(50);
    }
  };
  const isFollowed = async (leader: Node): Promise<boolean> => {
    const answer = await fetch(`http://${addressOf(leader.apiPort)}/cluster`).catch(() => undefined);
    const { members = [] } = ((await answer?.json().catch(() => undefined)) ?? {}) as {
      members?: { role: string; state: string }[];
    };
    return members.some(({ role, state }) => role === 'sync_standby' && /running|streaming/.test(state));
  };
  const leaderOf = async (): Promise<[Node, Node]> => {
    let found: [Node, Node] | undefined;
    await until('leader with a synchronous standby', async () => {
      for (const pair of [
        [a, b],
        [b, a],
      ] as [Node, Node][])
        if ((await isLeader(pair[0])) && (await isFollowed(pair[0]))) found = pair;
      return found !== undefined;
    });
    return found as [Node, Node];
  };
  await leaderOf();
  /** @returns ms from its first word until the other one takes writes. */
  const goOver = async (act: (leader: Node, next: Node) => Promise<void>): Promise<number> => {
    const [leader, next] = await leaderOf();
    const beganMs = performance.now();
    await act(leader, next);
    await until('new leader', () => isLeader(next));
    const ms = performance.now() - beganMs;
    if (leader.process?.exitCode !== null || leader.process.signalCode !== null) start(leader);
    await leaderOf();
    return ms;
  };
  return {
    servers: [a, b].map(({ port }) => ({ host: '127.0.0.1', port })),
    url: (database) =>
      `postgres://postgres:${PASSWORD}@${[a, b].map(({ port }) => addressOf(port)).join(',')}/${database}`,
    switchOver: () =>
      goOver(async (leader, next) => {
        await fetch(`http://${addressOf(leader.apiPort)}/switchover`, {
          method: 'POST',
          body: JSON.stringify({ leader: leader.name, candidate: next.name }),
        });
      }),
    crash: () =>
      goOver(async ({ process: patroni, folder }) => {
        const ended = patroni === undefined ? undefined : once(patroni, 'exit');
        patroni?.kill('SIGKILL');
        process.kill(
          Number.parseInt(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8'), 10),
          'SIGKILL',
        );
        await ended;
      }),
    stop() {
      for (const { process: patroni } of nodes) patroni?.kill('SIGKILL');
      for (const { folder } of [a, b])
        try {
          process.kill(
            Number.parseInt(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8'), 10),
            'SIGQUIT',
          );
        } catch {
          // It has ended.
        }
      rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}
