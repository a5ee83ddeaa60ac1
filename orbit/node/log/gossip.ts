/**
 * Gossip of new entries, on the topic that is their database's address. A message is judged before
 * it is passed on, so that junk goes one hop. catch-up.ts brings what gossip loses.
 */
import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { Message, PubSub } from '../p2p/pubsub.ts'
import { decodeEntry, envelopeFault, type LogEntry, MAX_ENTRY } from './entry.ts'
import type { GuardedLog } from './guarded-log.ts'

export interface Gossip {
  /** Resolves when it is sent. Nodes that miss it get it by catching up. */
  publish(block: Uint8Array): Promise<void>
  stop(): void
}

interface Options {
  readonly log: GuardedLog
  readonly judge: (entry: LogEntry) => string | null
  /** A peer has sent what is wrong. */
  readonly blame: (peer: PeerId) => void
  /** A peer has this database too. */
  readonly meet: (peer: PeerId) => void
}

export function gossipEntries(pubsub: PubSub, { log, judge, blame, meet }: Options): Gossip {
  const topic = log.address

  const reject = (peer: PeerId): TopicValidatorResult => {
    blame(peer)
    return TopicValidatorResult.Reject
  }
  const validate = (peer: PeerId, { data }: Message): TopicValidatorResult => {
    try {
      if (data.length > MAX_ENTRY) return reject(peer)
      const entry = decodeEntry(data)
      // An unpaid entry goes no further, and its signature is not even checked.
      if (entry.id === topic && envelopeFault(entry) === null && !log.isPaid(entry)) {
        log.putUnpaid(entry)
        return TopicValidatorResult.Ignore
      }
      return entry.id === topic && judge(entry) === null ? TopicValidatorResult.Accept : reject(peer)
    } catch {
      return reject(peer)
    }
  }
  const onMessage = ({ detail }: { detail: Message }) => {
    if (detail.topic === topic) void log.offer(decodeEntry(detail.data))
  }
  const onSubscription = ({
    detail,
  }: {
    detail: { peerId: PeerId; subscriptions: { topic: string; subscribe: boolean }[] }
  }) => {
    if (detail.subscriptions.some((change) => change.topic === topic && change.subscribe)) meet(detail.peerId)
  }

  pubsub.topicValidators.set(topic, validate)
  pubsub.addEventListener('message', onMessage)
  pubsub.addEventListener('subscription-change', onSubscription)
  pubsub.subscribe(topic)
  return {
    async publish(block) {
      // The entry is stored, whether or not the message could be sent.
      await pubsub.publish(topic, block).catch(() => {})
    },
    stop() {
      pubsub.removeEventListener('message', onMessage)
      pubsub.removeEventListener('subscription-change', onSubscription)
      pubsub.topicValidators.delete(topic)
      pubsub.unsubscribe(topic)
    },
  }
}
