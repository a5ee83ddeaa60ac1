/** The publish-subscribe interface that the node uses: @libp2p/gossipsub's, or a test's own. */
import type { TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'

export interface Message {
  readonly topic: string
  readonly data: Uint8Array
}

export interface PubSub {
  /** By topic: judges a message before it is passed on. */
  readonly topicValidators: Map<string, (peer: PeerId, message: Message) => TopicValidatorResult>
  addEventListener(type: string, listener: (event: { detail: any }) => void): void
  removeEventListener(type: string, listener: (event: { detail: any }) => void): void
  subscribe(topic: string): void
  unsubscribe(topic: string): void
  publish(topic: string, bytes: Uint8Array): Promise<unknown>
}
