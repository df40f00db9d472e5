import { fields, type Span, spanAt } from './protobuf.js';

/** What one raft entry would do to the database. */
export interface RaftWork {
  puts: number;
  deletes: number;
  /** Leases, compactions, membership and etcd's own bookkeeping. */
  other: number;
  /** Keys written or deleted; of a range its first key. */
  keys: string[];
}

/** Longer than any key of Kubernetes. */
const LONGEST = 4096;

/**
 * Reads a raft entry's data (etcd `InternalRaftRequest`: 4 put, 5 delete range, 6 transaction) into `into`. Kubernetes writes through
 * transactions whose first branch runs where its condition holds (`TxnRequest`: 2 success), so that branch is what is counted. etcd's own
 * bookkeeping up to 3.5 is a bare request of the old store (2 method, 3 path), which writes nothing of Kubernetes.
 */
export function readRequest(data: Span, into: RaftWork): void {
  let known = false;
  for (const one of fields(data)) {
    if (one.span === undefined) continue;
    if (one.number === 2 || one.number === 3) break;
    if (one.number === 4) known = put(one.span, into);
    else if (one.number === 5) known = remove(one.span, into);
    else if (one.number === 6) known = transaction(one.span, into, 0);
  }
  if (!known) into.other++;
}

function transaction(txn: Span, into: RaftWork, depth: number): boolean {
  let writes = false;
  for (const branch of fields(txn)) {
    if (branch.number !== 2 || branch.span === undefined) continue;
    // RequestOp: 2 put, 3 delete range, 4 transaction.
    for (const operation of fields(branch.span)) {
      if (operation.span === undefined) continue;
      if (operation.number === 2) writes = put(operation.span, into);
      else if (operation.number === 3) writes = remove(operation.span, into);
      else if (operation.number === 4 && depth < 4) writes = transaction(operation.span, into, depth + 1) || writes;
    }
  }
  return writes;
}

function put(request: Span, into: RaftWork): boolean {
  into.puts++;
  key(request, into);
  return true;
}

function remove(request: Span, into: RaftWork): boolean {
  into.deletes++;
  key(request, into);
  return true;
}

/** PutRequest and DeleteRangeRequest both begin with 1 key. */
function key(request: Span, into: RaftWork): void {
  const found = spanAt(request, 1);
  if (found !== undefined && found.end - found.start <= LONGEST) {
    into.keys.push(found.bytes.toString('utf8', found.start, found.end));
  }
}
