#pragma once
// librdkafka's header, plus what an older header (Debian 12 has 2.0.2) lacks of the library that is
// linked (2.4 or newer; cmake/FindCurrentRdkafka.cmake sees to that). The C ABI has not changed
// between them.

#include <librdkafka/rdkafka.h>

#if RD_KAFKA_VERSION < 0x020300ff
extern "C" {
typedef struct rd_kafka_TopicCollection_s rd_kafka_TopicCollection_t;
typedef struct rd_kafka_TopicDescription_s rd_kafka_TopicDescription_t;
typedef struct rd_kafka_TopicPartitionInfo_s rd_kafka_TopicPartitionInfo_t;
typedef struct rd_kafka_Uuid_s rd_kafka_Uuid_t;
typedef rd_kafka_event_t rd_kafka_DescribeTopics_result_t;

rd_kafka_TopicCollection_t* rd_kafka_TopicCollection_of_topic_names(const char** topics,
                                                                    size_t topics_cnt);
void rd_kafka_TopicCollection_destroy(rd_kafka_TopicCollection_t* topics);
void rd_kafka_DescribeTopics(rd_kafka_t* rk, const rd_kafka_TopicCollection_t* topics,
                             const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* rkqu);
const rd_kafka_DescribeTopics_result_t* rd_kafka_event_DescribeTopics_result(
    rd_kafka_event_t* rkev);
const rd_kafka_TopicDescription_t** rd_kafka_DescribeTopics_result_topics(
    const rd_kafka_DescribeTopics_result_t* result, size_t* result_topics_cnt);
const rd_kafka_error_t* rd_kafka_TopicDescription_error(
    const rd_kafka_TopicDescription_t* topicdesc);
const char* rd_kafka_TopicDescription_name(const rd_kafka_TopicDescription_t* topicdesc);
const rd_kafka_Uuid_t* rd_kafka_TopicDescription_topic_id(
    const rd_kafka_TopicDescription_t* topicdesc);
const rd_kafka_TopicPartitionInfo_t** rd_kafka_TopicDescription_partitions(
    const rd_kafka_TopicDescription_t* topicdesc, size_t* partitions_cnt);
const char* rd_kafka_Uuid_base64str(const rd_kafka_Uuid_t* uuid);
int64_t rd_kafka_Uuid_most_significant_bits(const rd_kafka_Uuid_t* uuid);
int64_t rd_kafka_Uuid_least_significant_bits(const rd_kafka_Uuid_t* uuid);
}
#endif
