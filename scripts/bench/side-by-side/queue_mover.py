"""What queue_mover of Skytools does, by the documented API of python3-pgq: each batch to a queue in another database, in
one transaction with the tick that it ends at. One process per source; needs get_last_tick and set_last_tick there."""

import sys

import pgq


class QueueMover(pgq.SerialConsumer):
    def __init__(self, args):
        super().__init__("queue_mover", "src_db", "dst_db", args)
        self.dst_schema = "mover_state"
        self.dst_queue = self.cf.get("dst_queue_name")

    def process_remote_batch(self, db, batch_id, event_list, dst_db):
        fields = ["time", "type", "data", "extra1", "extra2", "extra3", "extra4"]
        rows = []
        for ev in event_list:
            rows.append([ev.time, ev.type, ev.data, ev.extra1, ev.extra2, ev.extra3, ev.extra4])
            ev.tag_done()
        pgq.bulk_insert_events(dst_db.cursor(), rows, fields, self.dst_queue)


if __name__ == "__main__":
    QueueMover(sys.argv[1:]).start()
