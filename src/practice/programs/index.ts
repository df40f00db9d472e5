import { CONTENT_TOOLS } from './content-tools.js';
import { curl } from './curl.js';
import { DISK_TOOLS } from './disk-tools.js';
import { etcdctl } from './etcdctl.js';
import { FILE_TOOLS } from './file-tools.js';
import { HOST_TOOLS } from './host-tools.js';
import { journalctl } from './journalctl.js';
import { asLink, k3s } from './k3s.js';
import { ip, killall } from './killall.js';
import { LISTING_TOOLS } from './listing-tools.js';
import { PROCESS_TOOLS } from './process-tools.js';
import type { Program } from './run.js';
import { sudo } from './sudo.js';
import { systemctl } from './systemctl.js';
import { systemdRun } from './systemd-run.js';

/** Every program of a node that is not a shell, by name. */
export const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ...FILE_TOOLS,
  ...CONTENT_TOOLS,
  ...LISTING_TOOLS,
  ...DISK_TOOLS,
  ...HOST_TOOLS,
  ...PROCESS_TOOLS,
  ['systemctl', systemctl],
  ['systemd-run', systemdRun],
  ['journalctl', journalctl],
  ['k3s', k3s],
  ['kubectl', asLink('kubectl')],
  ['crictl', asLink('crictl')],
  ['k3s-killall.sh', killall],
  ['ip', ip],
  ['curl', curl],
  ['etcdctl', etcdctl],
  ['sudo', sudo],
]);
