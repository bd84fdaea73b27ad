"""TensorFlow's operations as layers: Keras 2 saved `tf.nn.relu(x)` as a layer that names the function.

Whatever TensorFlow exports can be named, what writes files and what fetches them included, and is
called with what the file says. So what may be named is listed here, and nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SYMBOL_LAYERS = frozenset({"TFOpLambda", "SlicingOpLambda"})
GRAPH_LAYER = "TensorFlowOpLayer"

# All of these compute numbers from numbers.
MODULES = "math|nn|linalg|bitwise|signal|image|random|__operators__|keras.activations"
_FUNCTIONS = """
abs acos acosh add add_n argmax argmin argsort asin asinh atan atan2 atanh batch_to_space bitcast
boolean_mask broadcast_to broadcast_static_shape broadcast_dynamic_shape cast clip_by_norm clip_by_value
concat constant convert_to_tensor cos cosh cumsum depth_to_space divide dtypes.cast einsum ensure_shape
equal exp expand_dims eye fill floor gather gather_nd greater greater_equal identity less less_equal
linspace log logical_and logical_not logical_or matmul maximum meshgrid minimum multiply negative norm
not_equal one_hot ones ones_like pad pow range rank reduce_all reduce_any reduce_logsumexp reduce_max
reduce_mean reduce_min reduce_prod reduce_sum repeat reshape reverse roll round rsqrt saturate_cast
scatter_nd searchsorted sequence_mask shape sigmoid sign sin sinh size slice softmax sort space_to_batch
space_to_depth split sqrt square squared_difference squeeze stack stop_gradient strided_slice subtract tan
tanh tensor_scatter_nd_add tensor_scatter_nd_update tensordot tile to_float transpose truediv unstack
where zeros zeros_like
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
_BACKEND = """
abs all any argmax argmin batch_dot batch_flatten bias_add cast clip concatenate conv1d conv2d
conv2d_transpose cos cumprod cumsum depthwise_conv2d dot elu equal exp expand_dims flatten gather greater
greater_equal hard_sigmoid identity int_shape l2_normalize less less_equal log max maximum mean min
minimum not_equal one_hot ones_like permute_dimensions pool2d pow prod random_normal random_uniform relu
repeat repeat_elements reshape resize_images reverse round separable_conv2d shape sigmoid sign sin softmax
softplus softsign spatial_2d_padding sqrt square squeeze stack std stop_gradient sum tanh temporal_padding
tile transpose var zeros_like
"""
BACKEND = frozenset(_BACKEND.split())
SYMBOL = re.compile(rf"(?:compat\.v1\.)?(?:(?:{MODULES})(?:\.experimental)?\.\w+|(?P<function>[\w.]+))")
# Operations of TensorFlow's graphs, by the names in its registry.
_OPERATIONS = """
Abs Acos Add AddN AddV2 All Any ArgMax ArgMin Asin Atan Atan2 AvgPool BatchMatMul BatchMatMulV2
BatchMatMulV3 BatchToSpaceND BiasAdd BroadcastTo Cast Ceil ClipByValue Concat ConcatV2 Const Conv2D
Conv2DBackpropInput Cos Cosh CropAndResize Cumprod Cumsum DepthToSpace DepthwiseConv2dNative Div DivNoNan
Einsum Elu EnsureShape Equal Erf Exp ExpandDims Fill Floor FloorDiv FloorMod FusedBatchNorm
FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual Identity IdentityN L2Loss
LRN LeakyRelu Less LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max
MaxPool MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mod Mul Neg NotEqual OneHot OnesLike Pack Pad PadV2
Pow Prod Range Rank RealDiv Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear
ResizeNearestNeighbor ReverseV2 Rint Roll Round Rsqrt ScatterNd Select SelectV2 Selu Shape Sigmoid Sign
Sin Sinh Size Slice Softmax Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square
SquaredDifference Squeeze StopGradient StridedSlice Sub Sum Tan Tanh Tile TopKV2 Transpose Unpack Where
Xdivy Xlogy ZerosLike
"""
OPERATIONS = frozenset(_OPERATIONS.split())


def forbidden_operation(kind: str, described: Mapping[str, Any]) -> str | None:
    """The operation that a layer of class `kind` would run, where it is none of those that only compute."""
    config = described.get("config")
    settings: Mapping[str, Any] = config if isinstance(config, Mapping) else {}
    if kind in SYMBOL_LAYERS:
        symbol = str(settings.get("function"))
        return None if _computes(symbol) else symbol
    if kind == GRAPH_LAYER:
        operation = _operation(settings.get("node_def"))
        return None if operation in OPERATIONS else operation
    return None


def _computes(symbol: str) -> bool:
    match = SYMBOL.fullmatch(symbol)
    if match is None:
        return False
    function = match["function"]
    if function is None:
        return True
    return function in FUNCTIONS or (function.removeprefix("keras.backend.") in BACKEND and "." in function)


def _operation(node: object) -> str:
    """The operation of a NodeDef, as JSON or, until TensorFlow 2.2, as protocol buffers in text."""
    if isinstance(node, Mapping):
        return str(node.get("op"))
    try:
        return _second_field(str(node).encode("utf-8")).decode("utf-8")
    except (IndexError, ValueError):
        return "that cannot be read"


def _second_field(message: bytes) -> bytes:
    """The last field 2, `op`, of a message whose fields all have a length.

    (tensorflow/core/framework/node_def.proto)

    Raises:
        ValueError: it has other fields, or its bytes do not add up.
    """
    found, at = b"", 0
    while at < len(message):
        tag, at = _number(message, at)
        length, at = _number(message, at)
        if tag & 7 != 2 or at + length > len(message):
            raise ValueError("no NodeDef")
        if tag >> 3 == 2:
            found = message[at : at + length]
        at += length
    return found


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at
