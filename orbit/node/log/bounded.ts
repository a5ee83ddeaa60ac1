/**
 * A buffer in memory for things that wait for something else to come first. It is bounded in number
 * and in bytes: the oldest things make room.
 */

export class BoundedBuffer<T> {
  private readonly items = new Map<string, { item: T; bytes: number }>()
  private readonly most: { readonly items: number; readonly bytes: number }
  private bytes = 0

  constructor(most: BoundedBuffer<T>['most']) {
    this.most = most
  }

  /** Puts something in, as the newest. @param bytes about how many it takes */
  put(key: string, item: T, bytes: number): void {
    this.delete(key)
    this.items.set(key, { item, bytes })
    this.bytes += bytes
    while (this.items.size > this.most.items || this.bytes > this.most.bytes) {
      this.delete(this.items.keys().next().value!)
    }
  }

  get(key: string): T | undefined {
    return this.items.get(key)?.item
  }

  /** @returns whether it was there */
  delete(key: string): boolean {
    this.bytes -= this.items.get(key)?.bytes ?? 0
    return this.items.delete(key)
  }

  /** Oldest first. */
  entries(): [string, T][] {
    return [...this.items].map(([key, { item }]) => [key, item])
  }

  clear(): void {
    this.items.clear()
    this.bytes = 0
  }
}
