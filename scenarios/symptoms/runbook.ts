import type { Symptom } from '../../src/lookup/types.js';

/** The paper runbook's *Troubleshooting Common Issues*, under its own words, with what is right (fact file, section 6). */
export const runbookSymptoms: readonly Symptom[] = [
  {
    id: 'runbook-accept-members',
    title: '"cluster is not ready to accept members"',
    patterns: ['cluster is not ready to accept members'],
    severity: 'warning',
    means:
      'The primary’s etcd is not ready yet, as the paper says. K3s itself words it otherwise: "Waiting to retrieve etcd cluster member list" (23), "too many learner members" (22), or "MemberAdd request timed out" (35).',
    doThis:
      'Wait for {primary}: API server /readyz, db/reset-flag gone, exactly one member. That takes seconds, not 5 to 10 minutes. Then let the peers join one after another; a peer tries again by itself.',
    notThis: 'If {primary} is not ready after two minutes, waiting longer does not help: read its journal.',
    source: 'runbook, Troubleshooting; R28, R54',
    steps: ['verify-primary', 'rejoin'],
    example: 'cluster is not ready to accept members',
    words: [
      'etcd cluster has not fully initialized on primary node; kubectl get --raw /healthz/etcd; journalctl -u k3s -f',
    ],
  },
  {
    id: 'runbook-old-versions',
    title: 'Restored cluster shows old resource versions',
    patterns: [],
    severity: 'info',
    means:
      'Normal, as the paper says: every object is as it was when the snapshot was taken. Clients that watched before may hold newer versions than the server: controllers outside K3s have to be restarted.',
    doThis:
      'Apply again what was changed after the snapshot: blackstart diff shows the objects. Restart the agents and operators that keep a cache. Nodes younger than the snapshot register again; Nodes without a host are to be deleted.',
    notThis: 'Do not restore a second time for this.',
    source: 'runbook, Troubleshooting; fact file 6',
    steps: ['restart-agents', 'verify-objects'],
    example: 'Restored cluster shows old resource versions',
    words: [
      'resourceVersion too large; cluster state restored to backup point in time; redeploy applications; re-apply configurations',
    ],
  },
  {
    id: 'runbook-rotate-ca',
    title: 'TLS certificate errors after restore',
    patterns: ['k3s certificate rotate-ca', 'Required flag \\\\?"path\\\\?" not set'],
    severity: 'error',
    means:
      'The paper says: sudo k3s certificate rotate-ca. Without arguments that fails (Required flag "path" not set). With --path it uploads new CAs through a running server and rewrites the bootstrap data: useless in an outage, and dangerous.',
    doThis:
      'Check the clock first (42). Expired: restart K3s on {servers}, which renews certificates within 120 days of their end; else stop, k3s certificate rotate, start. "Unknown authority": the node holds another CA (41). "newer than datastore": move the named files aside (40). k3s certificate check only looks.',
    notThis: 'Never k3s certificate rotate-ca during a restore.',
    source: 'runbook, Troubleshooting; K3s pkg/cli/cmds/certs.go, docs certificate',
    steps: ['rejoin', 'restart-agents'],
    example: 'sudo k3s certificate rotate-ca',
    also: ['Error: Required flag "path" not set'],
    words: ['time skew or certificate rotation since backup; regenerate certificates; x509 expired'],
  },
  {
    id: 'runbook-force-delete-pods',
    title: 'Network policies not working',
    patterns: ['kubectl delete pods? --all', 'delete pods? .{0,80}--grace-period=0 --force'],
    severity: 'warning',
    means:
      'The paper says: kubectl delete pods --all --all-namespaces --grace-period=0 --force. That removes the objects without waiting for the processes: two instances of a StatefulSet may write to one volume, and containers stay behind. It does not touch the network policies either: their controller runs inside K3s.',
    doThis:
      'Restart the K3s service on the affected node, one node after another. For leftovers of before the restore: k3s-killall.sh on that node while K3s is stopped, then start. Restart single workloads with kubectl rollout restart.',
    notThis: 'Never force-delete all pods.',
    source: 'runbook, Troubleshooting; fact file 6; kubernetes#56212',
    steps: ['restart-agents', 'verify-pods'],
    example: 'kubectl delete pods --all --all-namespaces --grace-period=0 --force',
    words: [
      'CNI state mismatch after restore; restart all pods to refresh CNI state; force deleting all pods; networkpolicy flannel iptables',
    ],
  },
  {
    id: 'runbook-workers-notready',
    title: 'Worker nodes stuck in "NotReady"',
    patterns: [],
    severity: 'warning',
    means:
      'The paper blames old master IPs in the agent’s configuration. An agent keeps its own list of servers and reconnects by itself, within a minute of the servers being ready. What stops it: another CA (41), its node password (49), or no server on its list (54).',
    doThis:
      'Wait a minute after {primary} is ready, then restart k3s-agent on that node (one batch after another) and read its journal. With a VIP: see that it leads to {primary} and not to a server that is still stopped. ping does not show that; port 6443 does.',
    source: 'runbook, Troubleshooting; R45, R51',
    steps: ['restart-agents'],
    example: 'Worker nodes stuck in "NotReady"',
    words: [
      'agent configuration pointing to old master IPs; systemctl restart k3s-agent; ensure VIP is accessible; ping; node not ready',
    ],
  },
];
