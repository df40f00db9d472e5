/** Where K3s keeps its data unless it is told otherwise (facts 2.1). */
export const DEFAULT_DATA_DIR = '/var/lib/rancher/k3s';

/** Where K3s keeps things on a host (facts 2.1). */
export interface K3sPaths {
  /** `--data-dir`, default `/var/lib/rancher/k3s`. */
  readonly dataDir: string;
  readonly server: string;
  readonly db: string;
  readonly etcd: string;
  readonly snapshots: string;
  readonly resetFlag: string;
  readonly tombstone: string;
  readonly token: string;
  readonly cred: string;
  readonly passwd: string;
  readonly tls: string;
  readonly serverCa: string;
  /** The name of the unit with `.service`. */
  readonly unit: string;
  readonly unitFile: string;
  readonly envFile: string;
  /** Our drop-in that keeps the unit from starting while {@link holdFile} exists (R53). */
  readonly holdDropIn: string;
  readonly holdFile: string;
  readonly configFile: string;
  readonly configDir: string;
  /** Our override of `server:` while a peer rejoins; last file wins (facts 1.1). */
  readonly rejoinConfig: string;
}

export function k3sPaths(dataDir: string, service: string): K3sPaths {
  const server = `${dataDir}/server`;
  const db = `${server}/db`;
  return {
    dataDir,
    server,
    db,
    etcd: `${db}/etcd`,
    snapshots: `${db}/snapshots`,
    resetFlag: `${db}/reset-flag`,
    tombstone: `${db}/etcd/tombstone`,
    token: `${server}/token`,
    cred: `${server}/cred`,
    passwd: `${server}/cred/passwd`,
    tls: `${server}/tls`,
    serverCa: `${server}/tls/server-ca.crt`,
    unit: `${service}.service`,
    unitFile: `/etc/systemd/system/${service}.service`,
    envFile: `/etc/systemd/system/${service}.service.env`,
    holdDropIn: `/etc/systemd/system/${service}.service.d/zz-blackstart-hold.conf`,
    holdFile: `${server}/blackstart-hold`,
    configFile: '/etc/rancher/k3s/config.yaml',
    configDir: '/etc/rancher/k3s/config.yaml.d',
    rejoinConfig: '/etc/rancher/k3s/config.yaml.d/zz-blackstart-rejoin.yaml',
  };
}

/**
 * What a person who logs in on a server is told while a run is on: login shells of Debian, RHEL and SLES all read
 * `/etc/profile.d`, whereas `motd.d` is not read everywhere.
 */
export const NOTICE_FILE = '/etc/profile.d/zz-blackstart.sh';

/** Certificates that an agent, also that of a server, keeps in `<data-dir>/agent` and asks for anew where they are missing (K3S:pkg/agent/config). */
export const AGENT_CERTIFICATES: readonly string[] = [
  'server-ca.crt',
  'client-ca.crt',
  'client-kubelet.crt',
  'client-kube-proxy.crt',
  'client-k3s-controller.crt',
  'serving-kubelet.crt',
];

/** The environment files a K3s unit reads, in the order in which later ones win (install.sh; facts 3.3). */
export function unitEnvFiles(service: string): string[] {
  return [`/etc/default/${service}`, `/etc/sysconfig/${service}`, `/etc/systemd/system/${service}.service.env`];
}

/** What the hold drop-in says (R53: holds against hands, tools and reboots, and leaves the enabled state alone). */
export function holdDropInText(paths: K3sPaths): string {
  return [
    '# Placed by blackstart: this server must not start before its turn in a restore,',
    '# or it would form the old cluster again beside the restored one.',
    `# To lift: rm ${paths.holdFile} ${paths.holdDropIn} && systemctl daemon-reload`,
    '[Unit]',
    `AssertPathExists=!${paths.holdFile}`,
    '',
  ].join('\n');
}
