// What `init` writes: a configuration that explains itself and a handler to start from.

export const SHARDS_YAML = `# Tributary: which shards, into which central queues, handled by which modules.
# \`tributary check\` tells whether everything in here is right and reachable.
# Secrets do not belong in this file: write \`!env NAME\`, or use PGPASSWORD or ~/.pgpass.

# Several installations on the same shards need several names.
name: tributary

# The database that events are gathered in. A URL says what psql would be told; what it leaves open is found where psql
# finds it: PGHOST, PGPORT, PGUSER, a service, the socket of this machine, or else localhost.
# For your own: \`central: !env CENTRAL_URL\`, with postgresql://user@host:5432/database in that variable.
central: postgresql:///postgres

# One entry for each database with events. Braces expand as in a shell, all combinations:
#   - postgresql://db{01..16}/app_{00..15}                      256 databases on 16 hosts
#   - { url: postgresql://10.0.0.9:6432/old, name: legacy, host: db03 }
# \`host\` is the machine whose mover moves the shard; without it, the host in the URL. \`any\` is whichever runs one.
# To begin with it is the database that every server has, which is central as well.
shards:
  - { url: postgresql:///postgres, name: first }

# For every shard and for central, where they do not say it themselves.
defaults:
  # user: tributary
  # password: !env SHARD_PASSWORD
  # tls: require                    # off | require | verify | { ca: ./ca.pem }
  # admin: !env ADMIN               # role:password that \`tributary install\` uses instead
  # host: any                       # for managed PostgreSQL: every machine may move every shard

# Each central queue: its source queues on the shards, and its workers.
queues:
  orders:
    from: order_out                 # its source queue on the shards, or a list; without it the name of the central queue
    create: true                    # create the source queue on shards that do not have it
    handler: ./handlers/orders.mjs
    workers: 2                      # over all hosts; 0 parks the queue, none forwards only
    # where: "ev_type <> 'test'"    # an SQL condition, run on the shard
    # start: oldest                 # oldest | now | at-consumer NAME, for queues that hold events already
    # timeout: 5m                   # for one call of the handler
    # retry: { attempts: 20, first: 5s, max: 1h }
    # on_poison: dead               # an event that central refuses: dead keeps it aside, halt stops its source

# mover: { memory: 256MB, whole: 64MB, adopt_after: 30s, delay: 50ms }
`;

export const HANDLER = `// Works off the central queue \`orders\`, one event after the other.
//
// What \`client\` writes commits together with the event's batch: exactly once. For anything else (mail, HTTP) use
// String(event.origin) as the idempotency key: an event may be tried again. An event that throws is retried alone.

/** @type {import('tributary').EventHandler} */
export default {
  async event(event, { log }) {
    log.info({ type: event.type, data: event.data }, 'an order'); // with its origin, which every line has
    // With { client, log } above:
    // const order = event.json();
    // await client.query('insert into invoice (order_id) values ($1)', [order.id]);
  },
};
`;
