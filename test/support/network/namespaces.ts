// A host of its own as far as the network goes: a network namespace whose only ways out are two wires to another one, where central
// and the shards are reached. A wire that is cut loses what was under way and says nothing, as a real one does.
import { spawnSync } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { inject } from 'vitest';
import { afterEachFile } from '../after-file.ts';
import { givenFolder } from '../files.ts';
import { startProcess } from '../processes/process.ts';

const PORT = 5432;

export interface OtherHost {
  /** The run's server as that host reaches it: for central and for the shards, each by its own wire. */
  readonly central: string;
  readonly shards: string;
  readonly port: number;
  /** Words before a command that make it run on that host. */
  readonly prefix: readonly string[];
  /** Connections to the shards that are open now. */
  readonly openToShards: number;
  /** From now on nothing comes through to central, either way. */
  cutCentral(): void;
  healCentral(): void;
}

const ip = (...args: readonly string[]): boolean => spawnSync('ip', args).status === 0;

/** Whether this user may make network namespaces here. */
export function mayMakeNamespaces(): boolean {
  const name = `tributary-try-${process.pid}`;
  const isMade = ip('netns', 'add', name);
  if (isMade) ip('netns', 'del', name);
  return isMade;
}

const must = (...args: readonly string[]): void => {
  if (!ip(...args)) throw new Error(`ip ${args.join(' ')} failed.`);
};

/** Listens in the namespace, and passes every connection on to a socket in the file system, which all namespaces see. */
const BRIDGE = `
const { connect, createServer } = require('node:net');
const [port, ...pairs] = process.argv.slice(1);
for (const pair of pairs) {
  const [host, path] = pair.split('=');
  createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ path, allowHalfOpen: true });
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  }).listen(Number(port), host, () => console.log('listening'));
}`;

const cleanUps: (() => void)[] = [];
let made = 0;

afterEachFile(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** Passes everything on, both ways, until either ends or breaks. */
function joined(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy());
    from.once('close', () => to.destroy());
    from.pipe(to);
  }
}

/** All of it is gone after the test file. */
export async function givenOtherHost(): Promise<OtherHost> {
  made += 1;
  const [there, here] = ['there', 'here'].map((side) => `tributary-${process.pid}-${made}-${side}`) as [
    string,
    string,
  ];
  const folder = givenFolder();
  cleanUps.push(() => {
    for (const name of [there, here]) ip('netns', 'del', name);
  });
  for (const name of [there, here]) {
    must('netns', 'add', name);
    must('-n', name, 'link', 'set', 'lo', 'up');
  }
  for (const [wire, net] of [
    ['central', '10.1.1'],
    ['shards', '10.1.2'],
  ] as const) {
    must('link', 'add', wire, 'netns', there, 'type', 'veth', 'peer', 'name', wire, 'netns', here);
    for (const [name, n] of [
      [there, 1],
      [here, 2],
    ] as const) {
      must('-n', name, 'addr', 'add', `${net}.${n}/24`, 'dev', wire);
      must('-n', name, 'link', 'set', wire, 'up');
    }
  }
  const { host, port } = inject('server');
  let openToShards = 0;
  const paths = await Promise.all(
    ['central', 'shards'].map(async (side) => {
      const path = join(folder, side);
      const server = createServer({ allowHalfOpen: true }, (client) => {
        if (side === 'shards') {
          openToShards += 1;
          client.once('close', () => {
            openToShards -= 1;
          });
        }
        joined(client, connect({ host, port, allowHalfOpen: true }));
      });
      cleanUps.push(() => server.close());
      await new Promise<void>((resolve) => server.listen(path, resolve));
      return path;
    }),
  );
  const [central, shards] = ['10.1.1.1', '10.1.2.1'] as const;
  const inside = (name: string) => ['nsenter', `--net=/run/netns/${name}`];
  const bridge = startProcess([
    ...[...inside(there), process.execPath, '-e', BRIDGE, String(PORT)],
    ...[`${central}=${paths[0]}`, `${shards}=${paths[1]}`],
  ]);
  await bridge.waitForLine(/listening/);
  return {
    central,
    shards,
    port: PORT,
    prefix: inside(here),
    get openToShards() {
      return openToShards;
    },
    cutCentral: () => must('-n', there, 'link', 'set', 'central', 'down'),
    healCentral: () => must('-n', there, 'link', 'set', 'central', 'up'),
  };
}
