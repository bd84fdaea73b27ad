"""The operations of TensorFlow that a graph may run without being trusted.

TensorFlow registers 1,900 of them. Those below compute numbers, words and pictures from what they are given,
choose what is computed next, or keep a model's own variables and tables. Everything that exports of Keras,
of keras.applications and of TensorFlow Hub were seen to run is here, and its kin.

What is not here is not needed by such models, or does more: it runs Python (`PyFunc`), reads or writes files
(`ReadFile`, `RecordInput`, `ImmutableConst`, `FixedUnigramCandidateSampler`, `CalibrationStatisticsSaver`,
datasets, readers, summaries), talks to other machines (`Send`, `Collective…`, `RpcCall`), runs a program in
another form that this list does not see into (`XlaCallModule`, `CustomCall`), ends or stops the process
(`Abort`, `SleepOp`, queues), or is made for training.
"""

from __future__ import annotations

_NUMBERS = """
Abs AccumulateNV2 Acos Acosh Add AddN AddV2 All Angle Any ApproxTopK ApproximateEqual ArgMax ArgMin Asin
Asinh Atan Atan2 Atanh BatchMatMul BatchMatMulV2 BatchMatMulV3 BesselI0 BesselI0e BesselI1 BesselI1e Betainc
Bincount BitwiseAnd BitwiseOr BitwiseXor Bucketize Ceil ClipByValue Complex ComplexAbs Conj Cos Cosh Cross
Cumprod Cumsum CumulativeLogsumexp DenseBincount Digamma Div DivNoNan Einsum Equal Erf Erfc Erfinv
EuclideanNorm Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual HistogramFixedWidth Igamma Igammac Imag
InTopK InTopKV2 Inv Invert IsFinite IsInf IsNan LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd
LogicalNot LogicalOr LowerBound MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Ndtri Neg NextAfter
NotEqual NthElement Polygamma PopulationCount Pow Prod Real RealDiv Reciprocal RightShift Rint Round Rsqrt
Sign Sin Sinh Sqrt Square SquaredDifference Sub Sum Tan Tanh TopK TopKV2 TruncateDiv TruncateMod UpperBound
Xdivy Xlog1py Xlogy Zeta Cholesky MatrixDeterminant MatrixInverse MatrixSolve MatrixSquareRoot
MatrixTriangularSolve Qr SelfAdjointEigV2 Svd FFT FFT2D FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D RFFT
RFFT2D RFFT3D SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum SparseSegmentMean SparseSegmentSqrtN
SparseSegmentSum UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
"""

_ARRAYS = """
BatchToSpace BatchToSpaceND Bitcast BroadcastArgs BroadcastTo Cast CheckNumerics CheckNumericsV2 Concat
ConcatOffset ConcatV2 ConjugateTranspose Const DebugGradientIdentity DeepCopy DepthToSpace Diag DiagPart
DynamicPartition DynamicStitch EditDistance Empty EnsureShape ExpandDims Fill Gather GatherNd GatherV2
GuaranteeConst Identity IdentityN InplaceAdd InplaceSub InplaceUpdate InvertPermutation LinSpace ListDiff
MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3
MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MirrorPad OneHot OnesLike Pack Pad PadV2 ParallelConcat
ParallelDynamicStitch Placeholder PlaceholderV2 PlaceholderWithDefault PreventGradient Range Rank Reshape
Reverse ReverseSequence ReverseV2 Roll ScatterNd ScatterNdNonAliasingAdd Select SelectV2 Shape ShapeN Size
Slice Snapshot SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice
TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate
TensorStridedSliceUpdate Tile Transpose Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack
UnravelIndex Where ZerosLike DenseToDenseSetOperation DenseToSparseSetOperation DeserializeSparse
RaggedBincount RaggedFillEmptyRows RaggedGather RaggedRange RaggedTensorFromVariant RaggedTensorToSparse
RaggedTensorToTensor RaggedTensorToVariant SerializeSparse SparseAdd SparseBincount SparseConcat SparseCross
SparseCrossV2 SparseFillEmptyRows SparseMatMul SparseReduceMax SparseReduceSum SparseReorder SparseReshape
SparseSlice SparseSoftmax SparseSplit SparseTensorDenseAdd SparseTensorDenseMatMul SparseToDense
"""

_NETWORKS = """
AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 BlockLSTM BlockLSTMV2 Conv Conv2D
Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D Conv3DBackpropInput Conv3DBackpropInputV2 CudnnRNN
CudnnRNNV2 CudnnRNNV3 DataFormatDimMap DataFormatVecPermute DepthwiseConv2dNative
DepthwiseConv2dNativeBackpropInput Dilation2D Elu FractionalAvgPool FractionalMaxPool FusedBatchNorm
FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D FusedResizeAndPadConv2D GRUBlockCell L2Loss LRN
LSTMBlockCell LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax Relu Relu6 Selu Sigmoid
Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign SparseSoftmaxCrossEntropyWithLogits
CTCBeamSearchDecoder CTCGreedyDecoder Dequantize FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
QuantizeAndDequantizeV4 QuantizeDownAndShrinkRange QuantizeV2 QuantizedAdd QuantizedAvgPool QuantizedBiasAdd
QuantizedConcat QuantizedConcatV2 QuantizedConv2D QuantizedDepthwiseConv2D QuantizedInstanceNorm
QuantizedMatMul QuantizedMaxPool QuantizedMul QuantizedRelu QuantizedRelu6 QuantizedReluX QuantizedReshape
QuantizedResizeBilinear RequantizationRange RequantizationRangePerChannel Requantize RequantizePerChannel
UniformDequantize UniformQuantize UniformQuantizedAdd UniformQuantizedClipByValue UniformQuantizedConvolution
UniformQuantizedConvolutionHybrid UniformQuantizedDot UniformQuantizedDotHybrid UniformRequantize
"""

_PICTURES = """
AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation AudioSpectrogram CombinedNonMaxSuppression
CropAndResize DecodeAndCropJpeg DecodeBase64 DecodeBmp DecodeGif DecodeImage DecodeJpeg DecodePng DecodeRaw
DecodeWav DecodeWebP DrawBoundingBoxes DrawBoundingBoxesV2 EncodeBase64 EncodeJpeg EncodeJpegVariableQuality
EncodePng ExtractGlimpse ExtractGlimpseV2 ExtractImagePatches ExtractJpegShape ExtractVolumePatches
GenerateBoundingBoxProposals HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3 Mfcc
NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
NonMaxSuppressionWithOverlaps RGBToHSV ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 ScaleAndTranslate
"""

_CHANCE = """
AnonymousRandomSeedGenerator AnonymousSeedGenerator Multinomial ParameterizedTruncatedNormal RandomCrop
RandomGamma RandomIndexShuffle RandomPoisson RandomPoissonV2 RandomShuffle RandomStandardNormal RandomUniform
RandomUniformInt RngReadAndSkip RngSkip StatefulRandomBinomial StatefulStandardNormal
StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt StatefulUniformInt
StatelessMultinomial StatelessParameterizedTruncatedNormal StatelessRandomBinomial StatelessRandomGammaV2
StatelessRandomGammaV3 StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg
StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomPoisson StatelessRandomUniform
StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt
StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessSampleDistortedBoundingBox StatelessShuffle
StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
"""

_ORDER = """
Assert Case ControlTrigger Enter Exit For If LoopCond Merge NextIteration NoOp PartitionedCall RefEnter
RefExit RefIdentity RefMerge RefNextIteration RefSelect RefSwitch StatefulPartitionedCall StatelessCase
StatelessIf StatelessWhile Switch ToBool While FakeParam DeviceIndex EmptyTensorList TensorListConcat
TensorListConcatLists TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListPushBackBatch
TensorListReserve TensorListResize TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2
TensorListSetItem TensorListSplit TensorListStack TensorArray TensorArrayClose TensorArrayCloseV2
TensorArrayCloseV3 TensorArrayConcat TensorArrayConcatV2 TensorArrayConcatV3 TensorArrayGather
TensorArrayGatherV2 TensorArrayGatherV3 TensorArrayRead TensorArrayReadV2 TensorArrayReadV3
TensorArrayScatter TensorArrayScatterV2 TensorArrayScatterV3 TensorArraySize TensorArraySizeV2
TensorArraySizeV3 TensorArraySplit TensorArraySplitV2 TensorArraySplitV3 TensorArrayUnpack TensorArrayV2
TensorArrayV3 TensorArrayWrite TensorArrayWriteV2 TensorArrayWriteV3 OptionalFromValue OptionalGetValue
OptionalHasValue OptionalNone CompositeTensorVariantFromComponents CompositeTensorVariantToComponents
"""

_OWN_STATE = """
Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp DestroyResourceOp
DestroyTemporaryVariable DisableCopyOnRead IsVariableInitialized ReadVariableOp ResourceGather
ResourceGatherNd ResourceScatterAdd ResourceScatterUpdate ResourceScatterNdAdd ResourceScatterNdUpdate
ResourceStridedSliceAssign ScatterAdd ScatterUpdate TemporaryVariable VarHandleOp VarIsInitializedOp Variable
VariableShape VariableV2 AnonymousHashTable AnonymousMutableDenseHashTable AnonymousMutableHashTable
AnonymousMutableHashTableOfTensors HashTable HashTableV2 InitializeTable InitializeTableFromTextFile
InitializeTableFromTextFileV2 InitializeTableV2 LookupTableExport LookupTableExportV2 LookupTableFind
LookupTableFindV2 LookupTableImport LookupTableImportV2 LookupTableInsert LookupTableInsertV2
LookupTableRemoveV2 LookupTableSize LookupTableSizeV2 MutableDenseHashTable MutableDenseHashTableV2
MutableHashTable MutableHashTableOfTensors MutableHashTableOfTensorsV2 MutableHashTableV2
"""

_WORDS = """
AsString ReduceJoin RegexFullMatch RegexReplace StaticRegexFullMatch StaticRegexReplace StringFormat
StringJoin StringLength StringLower StringNGrams StringSplit StringSplitV2 StringStrip StringToHashBucket
StringToHashBucketFast StringToHashBucketStrong StringToNumber StringUpper Substr UnicodeDecode
UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript UnicodeTranscode UnsortedSegmentJoin ParseExample
ParseExampleV2 ParseSequenceExample ParseSequenceExampleV2 ParseSingleExample ParseTensor SerializeTensor
"""

ALLOWED = frozenset(
    f"{_NUMBERS} {_ARRAYS} {_NETWORKS} {_PICTURES} {_CHANCE} {_ORDER} {_OWN_STATE} {_WORDS}".split()
)
"""By their names in TensorFlow's registry. `PrintV2` may run as well, where it does not print into a file."""

RESTORING = frozenset({"Restore", "RestoreSlice", "RestoreV2", "ShardedFilename"})
"""What loading may run beside these: it brings a model's variables out of its own checkpoint."""
