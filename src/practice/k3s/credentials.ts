import { createHash } from 'node:crypto';
import { bootstrapData } from './bootstrap.js';
import { tokenPassword } from './image.js';
import { at, passwdFor } from './paths.js';
import type { K3sPorts, K3sState } from './ports.js';

/** The password this process works with: of its token, else of the token file on disk. */
export function password(ports: Pick<K3sPorts, 'files'>, state: K3sState): string | undefined {
  const token =
    state.options.token ?? (ports.files.exists(at.token(state)) ? ports.files.text(at.token(state)).trim() : undefined);
  return token === undefined ? undefined : tokenPassword(token);
}

/** sha256 of the CA on disk, as the full token carries it. */
function caHash(ports: K3sPorts, state: K3sState): string {
  return createHash('sha256')
    .update(ports.files.read(at.ca(state)))
    .digest('hex');
}

/**
 * Writes `server/token` and `cred/passwd` from the token given. This happens before anything of the token is
 * checked, so a wrong one stays on disk after a failed reset (R12).
 */
export function writeToken(ports: K3sPorts, state: K3sState): void {
  const token = state.options.token;
  if (token === undefined) return;
  const plain = tokenPassword(token) ?? token;
  const { files } = ports;
  const server = at.server(state);
  files.mkdir(`${server}/cred`, { parents: true, mode: 0o700 });
  writeIfOther(ports, at.token(state), `K10${caHash(ports, state)}::server:${plain}\n`);
  writeIfOther(ports, at.passwd(state), passwdFor(plain));
  for (const link of ['node-token', 'agent-token']) {
    if (!files.exists(`${server}/${link}`)) files.symlink(at.token(state), `${server}/${link}`);
  }
}

function writeIfOther(ports: K3sPorts, path: string, text: string, mode = 0o600): void {
  if (ports.files.exists(path) && ports.files.text(path) === text) return;
  ports.files.write(path, text, mode);
}

/** On a fresh host K3s makes new self-signed CAs first (`newhost-*`). They are not certificates here, only different bytes. */
export function makeFreshCa(ports: K3sPorts, state: K3sState): void {
  const tls = `${at.server(state)}/tls`;
  ports.files.mkdir(`${tls}/etcd`, { parents: true, mode: 0o700 });
  const made = (name: string): string =>
    `-----BEGIN CERTIFICATE-----\n${name} ${ports.hex(64)}\n-----END CERTIFICATE-----\n`;
  for (const name of ['server-ca.crt', 'client-ca.crt', 'etcd/server-ca.crt', 'etcd/peer-ca.crt']) {
    ports.files.write(`${tls}/${name}`, made(name));
    ports.files.write(`${tls}/${name.replace('.crt', '.key')}`, made(name), 0o600);
  }
}

/** Puts the cluster's own CA, token and passwords on disk, as decrypted from the datastore (section 1.4 step 9). */
export function writeFromDatastore(ports: K3sPorts, state: K3sState): void {
  ports.files.mkdir(`${at.server(state)}/tls`, { parents: true, mode: 0o700 });
  const known = password(ports, state);
  if (known === undefined) return;
  const lineage = state.wal === undefined ? undefined : ports.etcd.lineage(state.wal.lineage);
  const stored = lineage === undefined ? undefined : bootstrapData(lineage.image, known)?.get('ServerCA');
  const ca = stored ?? lineage?.serverCa;
  if (ca !== undefined) writeIfOther(ports, at.ca(state), ca, 0o644);
  ports.files.mkdir(`${at.server(state)}/cred`, { parents: true, mode: 0o700 });
  writeIfOther(ports, at.token(state), `K10${caHash(ports, state)}::server:${known}\n`);
  writeIfOther(ports, at.passwd(state), passwdFor(known));
}
