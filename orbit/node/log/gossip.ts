/**
 * New entries spread by gossip, on the topic that is their database's address. A message is judged before it is passed
 * on, so that junk goes one hop; and what gossip loses, catch-up.ts brings.
 */
import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { Message, PubSub } from '../p2p/pubsub.ts'
import { decodeEntry, envelopeFault, type LogEntry, MAX_ENTRY } from './entry.ts'
import type { GuardedLog } from './guarded-log.ts'

export interface Gossip {
  /** Resolves when it is sent. Who is not there hears of it by catching up. */
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
      // What nobody pays for goes no further, and costs nobody the check of a signature.
      if (entry.id === topic && envelopeFault(entry) === null && !log.isPaid(entry)) {
        log.invite(entry)
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
      // Stored it is; a message that could not be sent is no reason to say otherwise.
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
