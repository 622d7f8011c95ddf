"""Event files by tensorboard's own protocol buffers: summaries, and a whole file as bytes. No torch."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Mapping
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter

FILE_VERSION = "brain.Event:2"  # the first event of every file (tensorboard/compat/proto/event.proto)
PREFIX = "events.out.tfevents."  # TensorBoard reads files whose names have "tfevents", in the order of their names


def scalars(values: Mapping[str, float]) -> Any:
    """A summary with tag -> number."""
    return Summary(value=[Summary.Value(tag=tag, simple_value=float(value)) for tag, value in values.items()])


def text(tag: str, markdown: str) -> Any:
    """A summary with a text, which TensorBoard shows as Markdown."""
    metadata = text_metadata.create_summary_metadata(display_name="", description="")
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=string_tensor(markdown.encode()))])


def image(tag: str, png: bytes) -> Any:
    """A summary with a picture; its size is read from the PNG's header (PNG specification, 11.2.2: IHDR)."""
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    picture = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
    return Summary(value=[Summary.Value(tag=tag, image=picture)])


def plugin_data(tag: str, plugin: str, content: bytes, tensor: Any = None) -> Any:
    """A summary for a plugin that looks at the metadata of a tag, at its tensor, or at both."""
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def string_tensor(content: bytes) -> Any:
    """A tensor with one string, shape (1,)."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    return TensorProto(dtype=DT_STRING, string_val=[content], tensor_shape=shape)


def file_content(summaries: Iterable[tuple[int, Any]]) -> bytes:
    """The bytes of a whole event file with (step, summary), all of this moment."""
    now, out = time.time(), io.BytesIO()
    records = RecordWriter(out)
    records.write(Event(wall_time=now, file_version=FILE_VERSION).SerializeToString())
    for step, summary in summaries:
        records.write(Event(wall_time=now, step=step, summary=summary).SerializeToString())
    return out.getvalue()
