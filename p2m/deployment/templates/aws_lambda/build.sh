#!/bin/sh
# Makes @name@.zip of the bundle, its packages for Lambda's Linux, and handler.py. Needs pip and zip.
#   sh build.sh [x86_64|aarch64]
set -eu
cd "$(dirname "$0")"
machine="${1:-x86_64}"
rm -rf package @name@.zip
cp -r bundle package
cp handler.py package/
pip install --quiet --target package --python-version @python@ --implementation cp --only-binary=:all: \
    --platform "manylinux_2_28_$machine" --platform "manylinux_2_27_$machine" \
    --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" -r bundle/requirements.txt
find package -type d \( -name __pycache__ -o -name tests -o -name bin \) -prune -exec rm -rf {} +
bytes=$(du -sb package | cut -f1)
if [ "$bytes" -gt 262144000 ]; then
    echo "package/ has $bytes bytes unpacked, more than the 262144000 (250 MB) of a zip: make the image (Dockerfile) instead" >&2
    exit 1
fi
(cd package && zip --quiet --recurse-paths ../@name@.zip .)
zipped=$(du -sb @name@.zip | cut -f1)
echo "@name@.zip: $zipped bytes, unpacked $bytes of 262144000"
code="--zip-file fileb://@name@.zip"
if [ "$zipped" -gt 50000000 ]; then # more than may be uploaded directly
    echo "next: aws s3 cp @name@.zip s3://BUCKET/"
    code="--code S3Bucket=BUCKET,S3Key=@name@.zip"
fi
[ "$machine" = aarch64 ] && machine=arm64
echo "next: aws lambda create-function --function-name @name@ --runtime python@python@ --handler handler.handler \\"
echo "        --memory-size @lambda_memory@ --timeout @timeout@ --architectures $machine --role ROLE_ARN $code"
