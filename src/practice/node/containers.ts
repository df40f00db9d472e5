import type { Lineage } from '../k3s/ports.js';
import type { PracticeNode } from './node.js';
import type { Container, NodeState } from './state.js';

/** Containers of a node. Only a cluster with leftovers has any: the recorded one had no images (`real-k3s/README.md`). */

/** 64 hex digits made from a name, so that a copy of the cluster has the same. */
const idOf = (text: string): string => {
  let hash = 0xcbf29ce484222325n;
  let id = '';
  for (let round = 0; round < 4; round++) {
    for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    id += hash.toString(16).padStart(16, '0');
  }
  return id;
};

function container(pod: string, pid: number, stuck: boolean): Container {
  const id = idOf(pod);
  const uid = `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-8${id.slice(17, 20)}-${id.slice(20, 32)}`;
  return { pod, name: 'c', id, pid, uid, stuck };
}

/** Puts a container of a pod onto a node. One that is stuck stays whatever the API says. */
export function addContainer(node: PracticeNode, pod: string, stuck = false): void {
  const { state } = node;
  if (state.containers.some((one) => one.pod === pod)) return;
  state.containers.push(container(pod, state.nextPid++, stuck));
  writeMounts(node);
}

/** What the kubelet does when it has looked at the API: pods of this node have their containers, and those of no pod go (R51). */
export function followApi(node: PracticeNode, lineage: Lineage): void {
  const { state } = node;
  const known = new Set(lineage.pods.map((pod) => `${pod.namespace}/${pod.name}`));
  const left = state.containers.filter((one) => one.stuck || known.has(one.pod));
  if (left.length < state.containers.length) {
    state.containers = left;
    writeMounts(node);
  }
  for (const pod of lineage.pods)
    if (pod.keeps === true && pod.node === node.name) addContainer(node, `${pod.namespace}/${pod.name}`);
}

/** SIGKILL for every container, and its mounts taken off. */
export function dropContainers(node: PracticeNode): void {
  node.state.containers = [];
  writeMounts(node);
}

const ROOT = '/dev/vda1 / ext4 rw,relatime 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n';

/** Mounts of the containers, in the order the kernel lists them. */
export const mountsOf = (state: NodeState): string[] =>
  state.containers.flatMap(({ id, uid }) => [
    `tmpfs /var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~projected/kube-api-access-${id.slice(0, 5)} tmpfs rw,relatime,size=65536k 0 0`,
    `shm /run/k3s/containerd/io.containerd.grpc.v1.cri/sandboxes/${id}/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k 0 0`,
    `overlay /run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/rootfs overlay rw,relatime 0 0`,
    `nsfs /run/netns/cni-${uid} nsfs rw 0 0`,
  ]);

export function writeMounts(node: PracticeNode): void {
  const text = `${ROOT}${mountsOf(node.state)
    .map((line) => `${line}\n`)
    .join('')}`;
  for (const path of ['/proc/mounts', '/proc/self/mounts']) node.files().write(path, text, 0o444);
}
