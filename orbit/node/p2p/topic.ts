/** A topic of the network's gossip whose messages are bytes that their listener judges. */
import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { Bans } from './bans.ts'
import type { PubSub } from './pubsub.ts'

export interface Topic {
  /** Resolves when it is sent to all who listen now. That nobody listens is no error. */
  publish(bytes: Uint8Array): Promise<void>
  /**
   * The handler gets what others publish. Anybody may have made the bytes: it checks them and gives
   * its judgement.
   */
  subscribe(handler: (bytes: Uint8Array) => Judgement): Promise<void>
}

/** A message is passed on; or is not; or is wrong, so that its sender is blamed (bans.ts). */
export type Judgement = 'pass on' | 'drop' | 'wrong'

const RESULTS = {
  'pass on': TopicValidatorResult.Accept,
  drop: TopicValidatorResult.Ignore,
  wrong: TopicValidatorResult.Reject,
} as const satisfies Record<Judgement, TopicValidatorResult>

export function topicOn(pubsub: PubSub, topic: string, bans: Bans): Topic {
  return {
    publish: async (bytes) => {
      await pubsub.publish(topic, bytes)
    },
    subscribe: async (handler) => {
      pubsub.topicValidators.set(topic, (peer, { data }) => {
        const judgement = handler(data)
        if (judgement === 'wrong') bans.blame(peer)
        return RESULTS[judgement]
      })
      pubsub.subscribe(topic)
    },
  }
}
