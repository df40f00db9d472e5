import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import { createServer as createPlain, type Server as PlainServer } from 'node:net';
import { decimal } from '../../../src/practice/k3s/ids.js';
import { at } from '../../../src/practice/k3s/paths.js';
import type { NodeRecord } from '../../../src/practice/k3s/ports.js';
import type { StandIn } from './process.js';
import { runInServer } from './programs.js';

/** Port 6443 with `/db/info`, `/ping`, `/cacerts`, and what stand-ins tell each other; 6444 only listens. */
export class Supervisors {
  #main: Server | undefined;
  #local: PlainServer | undefined;

  constructor(private readonly standIn: StandIn) {}

  /** Listens where the model says that it does. */
  follow(): void {
    const { listening, options } = this.standIn.state;
    if (options.command === 'server' && listening.includes('*:6443') && this.#main === undefined) {
      const main = createServer(
        { key: readFileSync('/opt/lab/key.pem'), cert: readFileSync('/opt/lab/cert.pem') },
        (incoming, response) => void this.#answer(incoming, response).catch(() => response.destroy()),
      );
      main.on('error', (error) => process.stderr.write(`k3s stand-in: ${error.message}\n`));
      main.listen(6443, '0.0.0.0');
      this.#main = main;
    }
    if (listening.includes('127.0.0.1:6444') && this.#local === undefined) {
      const local = createPlain((socket) => socket.destroy());
      local.on('error', (error) => process.stderr.write(`k3s stand-in: ${error.message}\n`));
      local.listen(6444, '127.0.0.1');
      this.#local = local;
    }
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { state, etcd, name } = this.standIn;
    const give = (code: number, body: string): void => {
      response.writeHead(code, { 'Content-Type': 'application/json' });
      response.end(body);
    };
    const path = incoming.url ?? '/';
    const { history } = etcd;
    if (path === '/ping') return give(200, 'pong');
    if (path === '/stand-in/phase') return give(200, state.phase);
    if (path === '/cacerts')
      return give(200, readFileSync(`${state.options.dataDir}/server/tls/server-ca.crt`, 'utf8'));
    if (path === '/db/info') {
      if (!state.etcdUp || history === undefined) return give(500, failure('etcd not started'));
      return state.led ? give(200, members(history.members)) : give(500, failure('context deadline exceeded'));
    }
    if (path === '/stand-in/supervisor') {
      const own = history?.own();
      if (history === undefined || own === undefined || !etcd.running || state.phase === 'reset')
        return give(503, '{}');
      const leading = state.led && !own.learner && state.api === 'ready';
      return give(
        200,
        JSON.stringify({
          supervisor: { node: name, lineage: history.id, member: own, leading },
          history: { ...history.shared(), serverCa: this.standIn.files.text(at.ca(state)) },
        }),
      );
    }
    if (path === '/stand-in/node') {
      const record = JSON.parse(await bodyOf(incoming)) as NodeRecord;
      await etcd.gateway().put(`/stand-in/nodes/${record.name}`, JSON.stringify({ ...record, seen: Date.now() }));
      return give(200, '{}');
    }
    if (path === '/stand-in/run') {
      const argv = JSON.parse(await bodyOf(incoming)) as string[];
      return give(200, JSON.stringify(await runInServer(this.standIn, argv)));
    }
    give(404, '404 page not found\n');
  }

  /** An agent's kubelet speaks through the server it found. */
  tellAsAgent(): void {
    const { state, etcd, name } = this.standIn;
    const lineage = state.vars.LINEAGE;
    if (!state.kubelet || lineage === undefined || etcd.via === undefined) return;
    const own = etcd.lineage(lineage).nodes.find((one) => one.name === name);
    if (own === undefined) return;
    const sending = request({
      host: etcd.via,
      port: 6443,
      path: '/stand-in/node',
      method: 'POST',
      rejectUnauthorized: false,
      timeout: 2_000,
    });
    sending.on('error', () => undefined);
    sending.on('response', (answer) => answer.resume());
    sending.end(JSON.stringify(own));
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const failure = (why: string): string =>
  JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: failed to get etcd MemberList: ${why}`,
    code: 500,
  });

/** Ids with all their digits, `isLearner` only when true, `name` only once started (R28). */
function members(list: readonly { id: string; name: string; ip: string; learner: boolean }[]): string {
  const rows = list.map((one) => {
    const name = one.name === '' ? '' : `"name":"${one.name}",`;
    return `{"ID":${decimal(one.id)},${name}"peerURLs":["https://${one.ip}:2380"]${one.learner ? ',"isLearner":true' : ''}}`;
  });
  return `{"members":[${rows.join(',')}]}\n`;
}
